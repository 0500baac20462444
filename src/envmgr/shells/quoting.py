"""Quoting of arbitrary text for shells."""

from __future__ import annotations

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NEXT = _FIRST | frozenset("0123456789")
RESERVED_VARIABLES = frozenset(
    {"BASHOPTS", "EUID", "IFS", "LINENO", "OPTIND", "PATH", "PPID", "PWD", "SHELLOPTS", "UID", "_"}
)
"""Variables that shells set themselves, or interpret."""


def posix(text: str) -> str:
    """Quote one word of a POSIX shell's command line."""
    return "'" + text.replace("'", "'\\''") + "'"


def batch(text: str) -> str:
    """Escape text between double quotes in a batch file; paths cannot contain double quotes."""
    return text.replace('"', "").replace("%", "%%")


def is_name(text: str) -> bool:
    """Return whether a name is valid for a POSIX shell variable."""
    return bool(text) and text[0] in _FIRST and _NEXT.issuperset(text)


def can_export(name: str) -> bool:
    """Return whether a shell can set a variable without side effects."""
    return is_name(name) and name not in RESERVED_VARIABLES
