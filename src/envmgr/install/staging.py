"""Staging directories: unfinished installations on the store's file system, owned by live processes.

Each has a lock file (`<name>.lock`) that its process holds; the lock is free when the process has ended, so a
reused process ID cannot be taken for the owner. Creation and cleanup exclude each other by one more lock, so a
directory is never seen before its own lock is held.

A directory that cannot be deleted, as a network file system or Windows keeps the files in it that programs still use,
stays here without an owner until a later cleanup.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from envmgr.kit import file_locks
from envmgr.kit.file_locks import FileLock
from envmgr.kit.fs import list_names, make_dir, move_tree, remove_unused_tree, storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress

_LOCK = ".lock"
_CLEANUP_TASK = "interrupted installs"


@contextlib.contextmanager
def directory(paths: Paths) -> Iterator[str]:
    """Create a staging directory; delete it at the end of the block."""
    path, lock = _make(paths)
    try:
        yield path
    finally:
        try:
            remove_unused_tree(path)
        finally:
            lock.remove()


def _make(paths: Paths) -> tuple[str, FileLock]:
    path = os.path.join(make_dir(paths.staging), f"{os.getpid()}-{os.urandom(8).hex()}")
    with file_locks.file_lock(paths, "staging"), storage_errors(paths.staging):
        lock = _lock_of(path)
        lock.acquire()
        os.mkdir(path)
    return path, lock


def discard(paths: Paths, path: str) -> None:
    """Delete a directory of the store atomically."""
    with directory(paths) as staged, storage_errors(path):
        move_tree(path, os.path.join(staged, "removed"))
        with contextlib.suppress(OSError):  # the tool's directory stays while it has other versions
            os.rmdir(os.path.dirname(path))


def remove_stale(paths: Paths, progress: Progress) -> int:
    """Delete the staging directories of dead processes; return their number."""
    with file_locks.file_lock(paths, "staging"), storage_errors(paths.staging):
        dead = _claim_stale(paths.staging)
    count = 0
    for number, (path, lock) in enumerate(dead, start=1):
        progress.step(_CLEANUP_TASK, f"removing {number} of {len(dead)}")
        try:
            count += os.path.isdir(path) and remove_unused_tree(path)
        finally:
            lock.remove()
    progress.done(_CLEANUP_TASK, "removed")
    return count


def count_stale(paths: Paths) -> int:
    """Return the number of staging directories of dead processes."""
    with file_locks.file_lock(paths, "staging"), storage_errors(paths.staging):
        dead = _claim_stale(paths.staging)
        for _, lock in dead:
            lock.release()
    return sum(os.path.isdir(path) for path, _ in dead)


def _claim_stale(staging: str) -> list[tuple[str, FileLock]]:
    names = {name.partition(".")[0] for name in list_names(staging)} - {""}
    paths = [os.path.join(staging, name) for name in sorted(names)]
    return [
        (path, lock) for path, lock in zip(paths, map(_lock_of, paths), strict=True) if lock.try_acquire()
    ]


def _lock_of(path: str) -> FileLock:
    return FileLock(path + _LOCK)
