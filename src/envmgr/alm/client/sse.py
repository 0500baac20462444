"""Parser of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import codecs
import re

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_END = re.compile(r"\r\n|\n|\r(?=.)", re.DOTALL)
"""The end of a line; a carriage return at the end of a block may be half of one."""


@frozen
class Event:
    """An event: the ID to resume after, and its data."""

    id: str
    data: str


def events(blocks: Iterable[bytes]) -> Iterator[Event]:
    """Yield complete events of a stream; a truncated last one is dropped."""
    last_id, data = "", list[str]()
    for line in lines(blocks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(last_id, "\n".join(data))
            data = []
        elif name == "data":
            data.append(value)
        elif name == "id" and "\0" not in value:
            last_id = value


def lines(blocks: Iterable[bytes]) -> Iterator[str]:
    """Yield the complete lines of a text that arrives in blocks."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    remainder = ""
    for block in blocks:
        *complete, remainder = _END.split(remainder + decoder.decode(block))
        yield from complete
