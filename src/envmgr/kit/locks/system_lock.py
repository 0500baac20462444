"""Locks of the operating system, which releases them when a process ends: `flock`, `LockFile`."""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class SystemLock(Protocol):
        """An exclusive lock on a file."""

        def try_acquire(self) -> bool:
            """Acquire the lock unless it is held; raise LocksUnsupported if the file system has none."""

        def release(self) -> None:
            """Release the lock."""


_UNSUPPORTED = frozenset(
    {errno.ENOLCK, errno.EBADF, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
)
"""Errors of `flock` on network file systems without locks: NFS without lockd, Lustre without `flock`, FUSE."""
_CONTENTION = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK})


class LocksUnsupported(Exception):
    """The file system has no locks; `reason` is the system's text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def system_lock(path: str) -> SystemLock:
    """Return the lock on a file, which is created if it is missing and never deleted."""
    return _WindowsLock(path) if sys.platform == "win32" else _Flock(path)


class _Flock:
    """A lock on an open file: threads of one process exclude each other too."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            is_acquired = _try_flock(descriptor) and self._is_current(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if is_acquired:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return is_acquired

    def _is_current(self, descriptor: int) -> bool:
        """Return whether the path still names the file: its last holder may have deleted it."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _try_flock(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _CONTENTION:
            return False
        if error.errno in _UNSUPPORTED:
            raise LocksUnsupported(os.strerror(error.errno)) from None
        raise
    return True


class _WindowsLock:
    def __init__(self, path: str) -> None:
        from filelock import FileLock

        self._lock = FileLock(path, thread_local=False)

    def try_acquire(self) -> bool:
        from filelock import Timeout

        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        self._lock.release()
