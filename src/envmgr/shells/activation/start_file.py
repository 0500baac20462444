"""Start files of shells: adding the line that activates a shell, and removing exactly that."""

from __future__ import annotations

LINE_FEED = b"\n"
_UNTERMINATED = b" "
"""Marks, after the line, that the file before it did not end with a line feed."""
_CREATED = b"  "
"""Marks, after the line, that there was no file."""


def add_line(content: bytes | None, line: str) -> bytes:
    """Return the content of a file with a line at its end; `remove_line` restores it exactly.

    `content` is None if the file is missing.
    """
    encoded = line.encode()
    if content is None:
        return encoded + _CREATED + LINE_FEED
    if content.endswith(LINE_FEED):
        return content + encoded + LINE_FEED
    return content + (LINE_FEED if content else b"") + encoded + _UNTERMINATED + LINE_FEED


def remove_line(content: bytes, line: str) -> bytes | None:
    """Return the content of a file without the line that was added; None if that created the file."""
    encoded = line.encode()
    if content == encoded + _CREATED + LINE_FEED:
        return None
    end = encoded + _UNTERMINATED + LINE_FEED
    if content == end:
        return b""
    if content.endswith(LINE_FEED + end):
        return content[: -len(LINE_FEED + end)]
    lines = content.split(LINE_FEED)
    return LINE_FEED.join(text for text in lines if text not in _forms(encoded))


def has_line(content: bytes, line: str) -> bool:
    """Return whether a file has the line exactly as it is added."""
    return not _forms(line.encode()).isdisjoint(content.split(LINE_FEED))


def _forms(line: bytes) -> set[bytes]:
    """Return the line in each form in which it is added."""
    return {line, line + _UNTERMINATED, line + _CREATED}


def find_activation(content: bytes, shell: str) -> int | None:
    """Return the number of the first line that activates a shell in any form, comments aside."""
    words = f"activate {shell}".encode()
    for number, text in enumerate(content.split(LINE_FEED), 1):
        if b"envmgr" in text and words in text and not text.lstrip().startswith(b"#"):
            return number
    return None
