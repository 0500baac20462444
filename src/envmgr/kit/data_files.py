"""Data files of envmgr: in the wheel below `_data`, in a checkout at the top."""

from __future__ import annotations

import os

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def directory(name: str) -> str:
    """Return the directory of `plugins` or `shims`."""
    shipped = os.path.join(_PACKAGE, "_data", name)
    return (
        shipped if os.path.isdir(shipped) else os.path.join(os.path.dirname(os.path.dirname(_PACKAGE)), name)
    )
