"""Lock files with their owner, for file systems without locks.

The lock is a file created exclusively, which is atomic on network file systems too. It names its owner: a process that
ended without releasing it is recognized by its ID and start time on its own machine, and elsewhere by the file's time,
which every owner renews. The times compared are the file system's, as the clocks of machines differ.

A lock whose owner has ended may be deleted only by the process that created the claim on it, a file of its own with the
token of that lock in its name. So two waiting processes cannot both delete it, of which the second would delete the
lock that the first has acquired since.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time

from envmgr.kit.frozen import frozen
from envmgr.kit.fs import unlink_quietly
from envmgr.kit.locks import process_identity
from envmgr.kit.locks.process_identity import ProcessIdentity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RENEWAL_SECONDS = 10.0
LEASE_SECONDS = 60.0
"""Time without a renewal after which an owner on another machine is taken for ended."""
CHECK_INTERVAL_SECONDS = 1.0
"""Time between two readings of the file system's clock, each of which writes a file."""
_MAX_RECORD_BYTES = 1024


@frozen
class _Record:
    """The content of a lock file; `owner` is None if it was not written, or not by this format."""

    token: str
    owner: ProcessIdentity | None
    renewed_at: float


class OwnerLock:
    """An exclusive lock by the existence of a file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._token = os.urandom(16).hex()
        self._is_released = threading.Event()
        self._clock = _FileSystemClock(os.path.dirname(path))

    def try_acquire(self) -> bool:
        """Acquire the lock unless a process that may still run holds it."""
        if not self._try_create():
            return False
        self._is_released.clear()
        threading.Thread(target=self._renew, daemon=True).start()
        return True

    def is_free(self) -> bool:
        """Return whether no process holds the lock, after deleting that of an ended one."""
        record = _read(self._path)
        if record is None:
            return True
        return self._has_ended(record) and self._delete(record)

    def release(self) -> None:
        """Delete the lock, unless another process took this one for ended."""
        self._is_released.set()
        if self._is_owned():
            unlink_quietly(self._path)

    def _try_create(self) -> bool:
        return _create(self._path, self._token) or (self.is_free() and _create(self._path, self._token))

    def _is_owned(self) -> bool:
        record = _read(self._path)
        return record is not None and record.token == self._token

    def _renew(self) -> None:
        while not self._is_released.wait(RENEWAL_SECONDS):
            if not self._is_owned():
                return
            with contextlib.suppress(OSError):
                os.utime(self._path)

    def _has_ended(self, record: _Record) -> bool:
        state = process_identity.state(record.owner) if record.owner else process_identity.UNKNOWN
        if state != process_identity.UNKNOWN:
            return state == process_identity.ENDED
        return self._clock.time() - record.renewed_at > LEASE_SECONDS

    def _delete(self, record: _Record) -> bool:
        """Delete the lock of an ended process; return False if another process is doing so."""
        for claim in self._claims(record):
            if _create(claim, self._token):
                break
            claimant = _read(claim)
            if claimant is None or not self._has_ended(claimant):
                return False
        current = _read(self._path)
        if current is not None and current.token == record.token:
            unlink_quietly(self._path)
        for created in itertools.takewhile(os.path.lexists, self._claims(record)):
            unlink_quietly(created)
        return current is None or current.token == record.token

    def _claims(self, record: _Record) -> Iterator[str]:
        """Yield the paths of the claims on a lock: the next one counts if the claimant of one has ended too."""
        return (f"{self._path}.{record.token}.{number}" for number in itertools.count())


def _create(path: str, token: str) -> bool:
    """Create a file that names this process; return False if it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    process = process_identity.current()
    try:
        os.write(descriptor, f"{token}\n{process.pid}\n{process.started}\n{process.machine}\n".encode())
    except OSError:
        unlink_quietly(path)
        raise
    finally:
        os.close(descriptor)
    return True


def _read(path: str) -> _Record | None:
    """Return the record of a lock file, None if the file is missing."""
    try:
        with open(path, "rb") as file:  # a network file system validates its cache when a file is opened
            status = os.fstat(file.fileno())
            lines = file.read(_MAX_RECORD_BYTES).decode(errors="replace").split("\n")
    except FileNotFoundError:
        return None
    if len(lines) != 5 or not lines[0].isalnum() or not lines[1].isdecimal():  # noqa: PLR2004 - four lines and the end
        return _Record(f"{status.st_ino}-{status.st_mtime_ns}", None, status.st_mtime)
    token, pid, started, machine, _ = lines
    return _Record(token, ProcessIdentity(machine, int(pid), started), status.st_mtime)


class _FileSystemClock:
    """The clock of a directory's file system, read once in CHECK_INTERVAL_SECONDS."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._time = 0.0
        self._read_at: float | None = None

    def time(self) -> float:
        """Return the time when the clock was last read, which is at most CHECK_INTERVAL_SECONDS ago."""
        if self._read_at is None or time.monotonic() - self._read_at > CHECK_INTERVAL_SECONDS:
            self._time = _file_system_time(self._directory)
            self._read_at = time.monotonic()
        return self._time


def _file_system_time(directory: str) -> float:
    """Return the time of a file system's clock: that of a new file."""
    path = os.path.join(directory, f".clock-{os.getpid()}-{os.urandom(8).hex()}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, b"\n")
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        unlink_quietly(path)
