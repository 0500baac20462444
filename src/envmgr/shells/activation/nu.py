"""Quoting for Nushell, which reads environment plans as JSON."""

from __future__ import annotations

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


def quote(text: str) -> str:
    """Quote one word of Nushell's command line."""
    return f'"{text.translate(_ESCAPES)}"'
