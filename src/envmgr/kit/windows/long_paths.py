"""Paths beyond the 260 characters that Windows takes by default."""

from __future__ import annotations

MAX_PATH = 260
_HINT = (
    "the path is longer than the 259 characters that Windows takes: set LongPathsEnabled (docs/windows.md), "
    "or ENVMGR_HOME to a short path such as C:\\envmgr"
)


def hint(error: OSError) -> str | None:
    """Return a hint for an error of a path that is too long, for which Windows reports a missing file."""
    paths = (error.filename, error.filename2)
    is_too_long = any(isinstance(path, str) and len(path) >= MAX_PATH for path in paths)
    return _HINT if is_too_long else None
