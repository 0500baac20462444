"""Encodings of text files that people write."""

from __future__ import annotations

UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def decode_text(content: bytes, errors: str = "strict") -> str:
    """Decode UTF-8, or UTF-16 with a BOM, as PowerShell's `>` writes; `errors` as in `bytes.decode`."""
    return content.decode("utf-16" if content.startswith(UTF16_BOMS) else "utf-8", errors)
