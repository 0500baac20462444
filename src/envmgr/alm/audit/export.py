"""An audit log in a file: a JSON document a line, the entries first, oldest first, then the checkpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envmgr.kit.audit_log.hash_chain import CHANGED, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from envmgr.alm.client.fields import Document

MAX_LINE_BYTES = 16 * 2**20
"""A longer line is no entry: the server refuses less."""


def line(document: Document) -> bytes:
    """Write a document as a line, in ASCII."""
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def is_checkpoint(document: Document) -> bool:
    """Tell a checkpoint from an entry."""
    return "signature" in document and "event_type" not in document


def read(file: BinaryIO) -> Iterator[Document | Finding]:
    """Give what a file holds, a line at a time; a line that cannot be read comes as a finding."""
    number = 0
    while content := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(content) > MAX_LINE_BYTES:
            _skip_line(file, content)
        if content.strip():
            yield _parsed(content, number)


def entries(file: BinaryIO) -> Iterator[Document | Finding]:
    """Give a file's entries, and findings for lines that cannot be read."""
    return (one for one in read(file) if isinstance(one, Finding) or not is_checkpoint(one))


def checkpoints(file: BinaryIO) -> Iterable[Document]:
    """Give a file's checkpoints."""
    return (one for one in read(file) if not isinstance(one, Finding) and is_checkpoint(one))


def _skip_line(file: BinaryIO, content: bytes) -> None:
    while content and not content.endswith(b"\n"):
        content = file.readline(MAX_LINE_BYTES)


def _parsed(content: bytes, number: int) -> Document | Finding:
    if len(content) > MAX_LINE_BYTES:
        return _unreadable_line(number, f"is longer than {MAX_LINE_BYTES // 2**20} MB")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _unreadable_line(number, "is not JSON")
    return document if isinstance(document, dict) else _unreadable_line(number, "is no entry")


def _unreadable_line(number: int, why: str) -> Finding:
    return Finding(CHANGED, 0, f"line {number} {why}")
