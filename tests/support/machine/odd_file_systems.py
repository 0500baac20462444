"""Simulation of network file systems for a process, by LD_PRELOAD."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import support.programs

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = Path(support.programs.__path__[0]) / "file_system_errors.c"
LOCK_ERRORS = {name: getattr(errno, name) for name in ("ENOLCK", "EBADF", "ENOTSUP", "ENOSYS")}


def needs_preload() -> pytest.MarkDecorator:
    """Return the mark that skips a test where no library can be compiled for LD_PRELOAD."""
    is_possible = sys.platform == "linux" and shutil.which("gcc") is not None
    return pytest.mark.skipif(not is_possible, reason="requires gcc on Linux")


def preload(directory: Path) -> dict[str, str]:
    """Compile the library into a directory; return the variables that load it."""
    library = directory / "file_system_errors.so"
    command = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, timeout=120)
    return {"LD_PRELOAD": str(library)}


def without_locks(preloaded: Mapping[str, str], error: str = "ENOLCK") -> dict[str, str]:
    """Return the variables of a process whose file systems have no locks."""
    return {**preloaded, "FLOCK_ERRNO": str(LOCK_ERRORS[error])}
