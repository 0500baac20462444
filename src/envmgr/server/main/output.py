"""Command output and error reporting."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

from envmgr.kit import environment, paths
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.fs import write_atomic
from envmgr.server.kit.common.failures import describe

FAILED, USAGE_ERROR, INTERNAL_ERROR, INTERRUPTED = 1, 2, 3, 130


def print_line(text: str) -> None:
    """Print text to standard output."""
    with suppress(BrokenPipeError):
        print(text, flush=True)  # noqa: T201 - the output of the command


def print_error(message: str, hint: str | None = None, code: int = FAILED) -> int:
    """Print an error and its hint to standard error; return the exit code."""
    lines = [f"error: {message}", *([f"hint: {hint}"] if hint else [])]
    print("\n".join(lines), file=sys.stderr)  # noqa: T201 - as above
    return code


def print_internal_error(error: Exception) -> int:
    """Write a crash log and print its path; return the exit code."""
    path = _write_crash_log(error)
    hint = f"report this bug; details: {path}" if path else None
    return print_error(f"internal error: {describe(error)}", hint, INTERNAL_ERROR)


def _write_crash_log(error: Exception) -> str | None:
    try:
        path = os.path.join(paths.resolve_paths(environment.current()).logs, f"crash-alm-{os.getpid()}.log")
        write_atomic(path, "".join(traceback.format_exception(error)), mode=0o600)
    except EnvmgrError:
        return None
    return path
