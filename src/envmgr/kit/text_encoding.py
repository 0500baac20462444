"""Encodings of text files that people write."""

from __future__ import annotations

UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def decode_text(content: bytes, errors: str = "strict") -> str:
    """Decode UTF-8, or UTF-16 with a BOM, as PowerShell's `>` writes; `errors` as in `bytes.decode`."""
    return content.decode("utf-16" if content.startswith(UTF16_BOMS) else "utf-8", errors)


def decode_published_text(content: bytes) -> str:
    """Decode UTF-8 or UTF-16, whose BOM may be missing; undecodable bytes are replaced."""
    encoding = _utf16_without_bom(content)
    return content.decode(encoding, "replace") if encoding else decode_text(content, "replace")


def _utf16_without_bom(content: bytes) -> str | None:
    """Return UTF-16 in the byte order in which most characters are ASCII, None for other texts."""
    if len(content) % 2 or content.startswith(UTF16_BOMS):
        return None
    even, odd = content[::2].count(0), content[1::2].count(0)
    if even and odd:
        return None
    is_mostly_ascii = max(even, odd) > len(content) // 4
    return ("utf-16-be" if even else "utf-16-le") if is_mostly_ascii else None
