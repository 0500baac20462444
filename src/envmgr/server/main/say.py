"""What the commands print, and where."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Print a line, or several."""
    with suppress(BrokenPipeError):
        print(text, flush=True)  # noqa: T201 - it is what a command has to say


def fail(message: str) -> int:
    """Say why a command did not do what it was to, and return its exit code."""
    print(f"envmgr-alm: {message}", file=sys.stderr)  # noqa: T201 - as above
    return 1
