"""A small disk that all processes see: a file system in memory, where this user may mount it."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@functools.cache
def can_mount() -> bool:
    """Return whether this user can mount a disk that other processes see: root may lack the right."""
    if os.name != "posix" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory(prefix="envmgr-probe-") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "probe", directory]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            return False
        subprocess.run(["umount", directory], check=True)
    return True


def needs_small_disk() -> pytest.MarkDecorator:
    """Return a mark that skips a test where this user cannot mount a disk."""
    return pytest.mark.skipif(not can_mount(), reason="this user cannot mount a small disk")


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[None]:
    """Mount a disk over a directory."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "disk", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Leave a disk without space while the block runs."""
    filler = directory / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(2**20)):
            pass
    try:
        yield
    finally:
        filler.unlink()
