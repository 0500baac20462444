"""Marker by which shims are recognized."""

from __future__ import annotations

MARKER = b"envmgr shim ("
_HEAD_BYTES = 200


def is_shim(path: str) -> bool:
    """Return whether a file is a shim, of this installation or another."""
    try:
        with open(path, "rb") as file:
            return MARKER in file.read(_HEAD_BYTES)
    except OSError:
        return False
