"""Versions as directory names."""

from __future__ import annotations

from envmgr.versions.version import LIMIT

_IMPOSSIBLE = frozenset('/\\<>:"|?*')  # the first two anywhere, the rest on Windows
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{device}{digit}" for device in ("com", "lpt") for digit in "0123456789"}
)


def is_folder_name(version: str) -> bool:
    """Return whether a version is a valid directory name on every system; lists with others are rejected.

    Names that Windows reserves:
    https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file#naming-conventions
    """
    return (
        0 < len(version) <= LIMIT - 1
        and version.isascii()
        and version.isprintable()
        and _IMPOSSIBLE.isdisjoint(version)
        and version[0] not in ".- "
        and version[-1] not in ". "
        and version.partition(".")[0].lower() not in _RESERVED
    )
