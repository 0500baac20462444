"""Full or read-only file systems for one process, by mounts in a namespace of its own."""

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
    """Return the command that starts a process with its own mounts, or skip the test without namespaces."""
    for command in (("unshare", "-m"), ("unshare", "-rm")):
        if sys.platform == "linux" and shutil.which("unshare"):
            probe = [*command, "mount", "-t", "tmpfs", "probe", "/mnt"]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return command
    return ()


def needs_mounts() -> pytest.MarkDecorator:
    """Return a mark that skips a test if this user cannot mount even in a namespace."""
    return pytest.mark.skipif(not unshare(), reason="no mount namespaces here (unshare -m, unshare -rm)")


def full(directory: Path, size: str = "64k") -> str:
    """Return the command that mounts a small file system over a directory."""
    return f"mount -t tmpfs -o size={size} small {_quoted(directory)}"


def read_only(directory: Path) -> str:
    """Return the commands that mount a directory or file read-only."""
    path = _quoted(directory)
    return f"mount --bind {path} {path} && mount -o remount,ro,bind {path}"


def run(machine: Sandbox, mounting: str, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run envmgr with a mount of its own."""
    return machine.command([*prefix(mounting), ENVMGR, *arguments], env=env)


def prefix(mounting: str) -> list[str]:
    """Return the prefix of a command that runs it with a mount of its own."""
    return [*unshare(), "sh", "-ceu", f'{mounting}\nexec "$0" "$@"']


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"
