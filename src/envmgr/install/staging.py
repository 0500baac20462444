"""Staging directories: unfinished installations on the store's file system, owned by live processes.

Each has a lock file (`<name>.lock`) that its process holds; the system releases the lock when the process dies, so a
reused process ID cannot be taken for the owner. Creation and cleanup exclude each other by one more lock, so a
directory is never seen before its own lock is held.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from envmgr.kit import file_locks
from envmgr.kit.fs import make_dir, remove_tree, storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filelock import BaseFileLock

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
            remove_tree(path)
        finally:
            _unlock(lock)


def _make(paths: Paths) -> tuple[str, BaseFileLock]:
    path = os.path.join(make_dir(paths.staging), f"{os.getpid()}-{secrets.token_hex(8)}")
    with file_locks.file_lock(paths, "staging"), storage_errors(paths.staging):
        lock = _lock_of(path)
        lock.acquire()
        os.mkdir(path)
    return path, lock


def discard(paths: Paths, path: str) -> None:
    """Delete a directory of the store atomically."""
    with directory(paths) as staged, storage_errors(path):
        os.rename(path, os.path.join(staged, "removed"))
        with contextlib.suppress(OSError):  # the tool's directory stays while it has other versions
            os.rmdir(os.path.dirname(path))


def remove_stale(paths: Paths, progress: Progress) -> int:
    """Delete the staging directories of dead processes; return their number."""
    with file_locks.file_lock(paths, "staging"), storage_errors(paths.staging):
        dead = _claim_stale(paths.staging)
    count = sum(os.path.isdir(path) for path, _ in dead)
    for number, (path, lock) in enumerate(dead, start=1):
        progress.step(_CLEANUP_TASK, f"removing {number} of {len(dead)}")
        try:
            remove_tree(path)
        finally:
            _unlock(lock)
    progress.done(_CLEANUP_TASK, "removed")
    return count


def count_stale(paths: Paths) -> int:
    """Return the number of staging directories of dead processes."""
    with file_locks.file_lock(paths, "staging"), storage_errors(paths.staging):
        dead = _claim_stale(paths.staging)
        for _, lock in dead:
            lock.release()
    return sum(os.path.isdir(path) for path, _ in dead)


def _claim_stale(staging: str) -> list[tuple[str, BaseFileLock]]:
    names = {name.removesuffix(_LOCK) for name in os.listdir(staging)}
    claimed = (
        (os.path.join(staging, name), _try_lock(os.path.join(staging, name))) for name in sorted(names)
    )
    return [(path, lock) for path, lock in claimed if lock]


def _try_lock(path: str) -> BaseFileLock | None:
    from filelock import Timeout

    lock = _lock_of(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


def _lock_of(path: str) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(path + _LOCK, thread_local=False)


def _unlock(lock: BaseFileLock) -> None:
    with contextlib.suppress(OSError):
        os.unlink(lock.lock_file)
    lock.release()
    with contextlib.suppress(OSError):  # where an open file cannot be unlinked (Windows)
        os.unlink(lock.lock_file)
