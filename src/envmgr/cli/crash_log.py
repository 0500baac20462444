"""Crash logs: one file for each internal error."""

from __future__ import annotations

import os
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from envmgr import __version__
from envmgr.kit import environment, paths
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.fs import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence


def log(error: Exception) -> str | None:
    """Write an error's traceback to a file; return its path, or None if that fails."""
    now = datetime.now(UTC)
    try:
        directory = paths.resolve_paths(environment.current()).logs
        path = os.path.join(directory, f"crash-{now:%Y%m%dT%H%M%S}-{os.getpid()}.log")
        report = _report(error, now).encode(
            errors="backslashreplace"
        )  # it may quote bytes that are not UTF-8
        write_atomic(path, report, mode=0o600)
    except EnvmgrError:
        return None
    return path


def _report(error: Exception, now: datetime) -> str:
    facts = f"envmgr {__version__}, Python {sys.version}, {sys.platform}, {now.isoformat()}"
    return f"{facts}\n{_without_secrets(sys.argv)!r}\n\n{''.join(traceback.format_exception(error))}"


def _without_secrets(args: Sequence[str]) -> list[str]:
    """Return a command line without its tokens: users send logs to others."""
    previous_args = ["", *args]
    return [
        "…" if previous == "--token" else "--token=…" if arg.startswith("--token=") else arg
        for previous, arg in zip(previous_args, args, strict=False)
    ]
