"""Server-sent events, read (https://html.spec.whatwg.org/multipage/server-sent-events.html). Pure."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_END = re.compile(r"\r\n|\n|\r(?=.)", re.DOTALL)
"""The end of a line; a carriage return at the end of what there is may be half of one."""


@frozen
class Event:
    """One event: the id it can be resumed after, and what it says."""

    id: str
    data: str


def events(blocks: Iterable[bytes]) -> Iterator[Event]:
    """Give the events of a stream as they are complete; one that is cut off is none."""
    last, data = "", list[str]()
    for line in lines(blocks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(last, "\n".join(data))
            data = []
        elif name == "data":
            data.append(value)
        elif name == "id" and "\0" not in value:
            last = value


def lines(blocks: Iterable[bytes]) -> Iterator[str]:
    """Give the complete lines of a text that comes in blocks."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    for block in blocks:
        *whole, rest = _END.split(rest + decoder.decode(block))
        yield from whole
