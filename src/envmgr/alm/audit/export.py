"""Export format of the audit log: JSON lines, entries oldest first, then checkpoints and dead letters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int
from envmgr.kit import unique_json
from envmgr.kit.audit_log.hash_chain import CHANGED, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from envmgr.alm.client.fields import Document

MAX_LINE_BYTES = 16 * 2**20
"""The server rejects entries far below this size."""
_DEAD_LETTERS = "dead_letters"


def line(document: Document) -> bytes:
    """Format a document as a line of ASCII."""
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def is_checkpoint(document: Document) -> bool:
    """Return whether a document is a checkpoint, not an entry."""
    return "signature" in document and "event_type" not in document


def dead_letters_line(count: int) -> bytes:
    """Format the line that states how many events the server could not record; none without any.

    Versions that do not know this line report it as an inserted entry.
    """
    return line({_DEAD_LETTERS: count}) if count else b""


def read(file: BinaryIO) -> Iterator[Document | Finding]:
    """Yield the documents of a file; an unreadable line yields a finding."""
    number = 0
    while content := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(content) > MAX_LINE_BYTES:
            _skip_line(file, content)
        if content.strip():
            yield _parse(content, number)


def entries(file: BinaryIO) -> Iterator[Document | Finding]:
    """Return a file's entries, and findings for unreadable lines."""
    return (document for document in read(file) if isinstance(document, Finding) or _is_entry(document))


def read_trailer(file: BinaryIO) -> tuple[tuple[Document, ...], int | None]:
    """Return what follows the entries: the checkpoints, and the number of dead letters if the file has it."""
    checkpoints: list[Document] = []
    dead_letters = None
    for document in read(file):
        if isinstance(document, Finding):
            continue
        if is_checkpoint(document):
            checkpoints.append(document)
        elif _is_dead_letters(document):
            dead_letters = get_int(document, _DEAD_LETTERS)
    return tuple(checkpoints), dead_letters


def _is_entry(document: Document) -> bool:
    return not is_checkpoint(document) and not _is_dead_letters(document)


def _is_dead_letters(document: Document) -> bool:
    count = document.get(_DEAD_LETTERS)
    return len(document) == 1 and type(count) is int and count > 0


def _skip_line(file: BinaryIO, content: bytes) -> None:
    while content and not content.endswith(b"\n"):
        content = file.readline(MAX_LINE_BYTES)


def _parse(content: bytes, number: int) -> Document | Finding:
    if len(content) > MAX_LINE_BYTES:
        return _unreadable_line(number, f"exceeds {MAX_LINE_BYTES // 2**20} MB")
    try:
        document = unique_json.loads(content)
    except unique_json.DuplicateKeyError as error:
        return _unreadable_line(number, f"has a {error}")
    except (ValueError, RecursionError):
        return _unreadable_line(number, "is not JSON")
    return document if isinstance(document, dict) else _unreadable_line(number, "is not an audit entry")


def _unreadable_line(number: int, reason: str) -> Finding:
    return Finding(CHANGED, 0, f"line {number} {reason}")
