"""File systems that are full or read-only, for one process: mounts in a namespace of its own."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.machine.sandbox import ENVMGR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.machine.sandbox import Result, Sandbox


@functools.cache
def unshare() -> tuple[str, ...]:
    """Return the command that gives a process mounts of its own, or skip the test where the system has none."""
    for command in (("unshare", "-m"), ("unshare", "-rm")):
        if sys.platform == "linux" and shutil.which("unshare"):
            probe = [*command, "mount", "-t", "tmpfs", "probe", "/mnt"]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return command
    return ()


def needs_mounts() -> pytest.MarkDecorator:
    """Skip where this user may not mount anything, not even for itself."""
    return pytest.mark.skipif(not unshare(), reason="no mount namespaces here (unshare -m, unshare -rm)")


def full(directory: Path, size: str = "64k") -> str:
    """Put a small file system in place of a directory."""
    return f"mount -t tmpfs -o size={size} small {_quoted(directory)}"


def read_only(directory: Path) -> str:
    """Let nothing in a directory, or a file, be written."""
    path = _quoted(directory)
    return f"mount --bind {path} {path} && mount -o remount,ro,bind {path}"


def run(machine: Sandbox, mounting: str, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run envmgr with something mounted for it alone."""
    return machine.command([*prefix(mounting), ENVMGR, *arguments], env=env)


def prefix(mounting: str) -> list[str]:
    """Return what to put before a command to run it with something mounted for it alone."""
    return [*unshare(), "sh", "-ceu", f'{mounting}\nexec "$0" "$@"']


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"
