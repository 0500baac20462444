"""What the commands print, and where."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

from envmgr.kit import environment, paths
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.fs import write_atomic

FAILED, MISUSED, BUG, INTERRUPTED = 1, 2, 3, 130


def say(text: str) -> None:
    """Print a line, or several."""
    with suppress(BrokenPipeError):
        print(text, flush=True)  # noqa: T201 - it is what a command has to say


def fail(message: str, hint: str | None = None, code: int = FAILED) -> int:
    """Say why a command did not do what it was to, and the way out; return its exit code."""
    lines = [f"error: {message}", *([f"hint: {hint}"] if hint else [])]
    print("\n".join(lines), file=sys.stderr)  # noqa: T201 - as above
    return code


def fail_by_bug(error: Exception) -> int:
    """Say that something is wrong here, and where it is written down; return the exit code."""
    path = _written(error)
    hint = f"the details are in {path}" if path else None
    return fail(f"this is a bug in envmgr: {type(error).__name__}: {error}", hint, BUG)


def _written(error: Exception) -> str | None:
    try:
        path = os.path.join(paths.locate(environment.current()).logs, f"bug-alm-{os.getpid()}.log")
        write_atomic(path, "".join(traceback.format_exception(error)), mode=0o600)
    except EnvmgrError:
        return None
    return path
