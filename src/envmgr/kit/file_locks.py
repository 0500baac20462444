"""Locks between processes."""

from __future__ import annotations

import contextlib
import os
import time

from envmgr.kit.fs import make_dir, storage_errors
from envmgr.kit.locks.owner_lock import OwnerLock
from envmgr.kit.locks.system_lock import LocksUnsupported, system_lock
from envmgr.kit.paths import Paths, file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLL_INTERVAL_SECONDS = 0.05
"""Locks are tried again, as a signal is not handled while the main thread blocks."""
OWNER = ".owner"


def _ignore() -> None:
    """Report nothing."""


@contextlib.contextmanager
def file_lock(paths: Paths, name: str, report_wait: Callable[[], None] = _ignore) -> Iterator[None]:
    """Acquire a named lock across threads and processes; it is released when the process ends.

    `report_wait` is called once if another process or thread holds it.
    """
    with _lock_in(paths.locks, name, report_wait):
        yield


@contextlib.contextmanager
def path_lock(paths: Paths, path: str) -> Iterator[None]:
    """Acquire the lock of a user's file; envmgr's own directories may be read-only."""
    import hashlib

    digest = hashlib.sha256(
        os.fsencode(os.path.realpath(path))
    ).hexdigest()  # short, and the same in every locale
    directory = paths.locks if _is_writable(paths.locks) else _temporary_locks() or paths.locks
    with _lock_in(directory, f"path-{digest}", _ignore):
        yield


@contextlib.contextmanager
def _lock_in(directory: str, name: str, report_wait: Callable[[], None]) -> Iterator[None]:
    lock = FileLock(os.path.join(make_dir(directory), f"{file_name(name)}.lock"))
    with storage_errors(directory):
        lock.acquire(report_wait)
    try:
        yield
    finally:
        lock.release()


def _is_writable(directory: str) -> bool:
    """Return whether a directory is writable, or can be created."""
    while not os.path.lexists(directory) and directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
    return os.access(directory, os.W_OK | os.X_OK)


def _temporary_locks() -> str | None:
    """Return this user's own directory of locks among the temporary files, None if it cannot be had."""
    import stat
    import tempfile

    try:
        path = os.path.join(
            tempfile.gettempdir(), f"envmgr-locks-{os.geteuid() if os.name != 'nt' else 'user'}"
        )
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        status = os.lstat(path)
    except OSError:
        return None
    is_own = os.name == "nt" or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)
    return path if stat.S_ISDIR(status.st_mode) and is_own else None


class FileLock:
    """An exclusive lock at a path: the system's, or a lock file beside it if the file system has none.

    A holder of the system's lock respects a lock file too: the system may run out of locks for a moment, or another
    machine may have mounted the file system without them.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._system = system_lock(path)
        self._owner = OwnerLock(path + OWNER)

    def acquire(self, report_wait: Callable[[], None] = _ignore) -> None:
        """Wait for the lock; call `report_wait` once if it is held."""
        if self.try_acquire():
            return
        report_wait()
        while not self.try_acquire():
            time.sleep(POLL_INTERVAL_SECONDS)

    def try_acquire(self) -> bool:
        """Acquire the lock unless it is held; return whether it was acquired."""
        try:
            if not self._system.try_acquire():
                return False
        except LocksUnsupported:
            return self._owner.try_acquire()
        is_free = False
        try:
            is_free = self._owner.is_free()
        finally:
            if not is_free:
                self._system.release()
        return is_free

    def release(self) -> None:
        """Release the lock."""
        self._owner.release()
        self._system.release()

    def remove(self) -> None:
        """Release the lock and delete its file, while it is held: else a new holder could lose its file."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        self.release()
        with contextlib.suppress(OSError):  # where an open file cannot be unlinked (Windows)
            os.unlink(self._path)


def unsupported_reason(paths: Paths) -> str | None:
    """Return why the file system of the locks has no locks, None if it has."""
    lock = system_lock(os.path.join(make_dir(paths.locks), "check.lock"))
    try:
        with storage_errors(paths.locks):
            lock.try_acquire()
    except LocksUnsupported as error:
        return error.reason
    finally:
        lock.release()
    return None
