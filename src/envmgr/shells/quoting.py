"""Spelling any text so that a shell reads just that text."""

from __future__ import annotations

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NEXT = _FIRST | frozenset("0123456789")


def posix(text: str) -> str:
    """Quote one word of a POSIX shell's command line."""
    return "'" + text.replace("'", "'\\''") + "'"


def batch(text: str) -> str:
    """Format what stands between double quotes in a batch file, where no path can hold a double quote itself."""
    return text.replace('"', "").replace("%", "%%")


def is_name(text: str) -> bool:
    """Return whether a POSIX shell can have a variable of this name."""
    return bool(text) and text[0] in _FIRST and _NEXT.issuperset(text)
