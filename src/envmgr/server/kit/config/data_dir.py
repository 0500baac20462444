"""Data directory of an embedded server, locked by one process at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout

from envmgr.kit.errors import EnvmgrError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_OURS, _OTHERS = 0o700, 0o077
RESTORE_MARKER_FILE = "restore.incomplete"
"""Exists while a backup is being put into the directory; a server must not start on what it then contains."""
_CHOWN_HINT = "chown it to the server's user, or pass another --data-dir"
_LOCAL_HINT = "use a local file system: pass another --data-dir"
_IGNORED_NAMES = frozenset({"lost+found"})
"""Files that an otherwise empty volume may contain."""


class DataDirectoryError(EnvmgrError):
    """The data directory is unusable; the message gives the reason and the fix."""


class DataDirectory:
    """The data directory, created if missing, readable by its owner only.

    It has a database for each of `services`; one of these, or of `secret_files`, identifies the directory.
    """

    def __init__(self, path: str, services: Sequence[str], secret_files: Sequence[str]) -> None:
        self.path = path
        self._services = services
        self._marker_files = {"server.lock", *secret_files, *(f"{service}.db" for service in services)}
        self._lock = FileLock(self.file("server.lock"), mode=0o600)

    def file(self, name: str) -> str:
        """Return the path of a file in the directory."""
        return os.path.join(self.path, name)

    def database(self, service: str) -> str:
        """Return the path of a service's database."""
        return self.file(f"{service}.db")

    def make(self) -> None:
        """Create the directory, or adopt an empty one.

        Raise DataDirectoryError if it is not writable or contains foreign files.
        """
        try:
            os.makedirs(self.path, mode=_OURS, exist_ok=True)
        except OSError as error:
            raise DataDirectoryError(
                f"cannot create the data directory {self.path}: {error.strerror}",
                "pass another --data-dir",
            ) from error
        self.require_access()
        names = frozenset(os.listdir(self.path))
        if names & self._marker_files:
            return
        if foreign := sorted(names - _IGNORED_NAMES):
            raise DataDirectoryError(
                f"{self.path} is not an envmgr-alm data directory (contains {foreign[0]})",
                "pass an empty or new directory with --data-dir",
            )
        with suppress(OSError):  # A volume may belong to another user; start-up warns about that.
            os.chmod(self.path, _OURS)

    def require_access(self) -> None:
        """Raise DataDirectoryError if the directory exists and this process may not use it."""
        if os.path.isdir(self.path) and not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise DataDirectoryError(f"data directory {self.path} is not writable", _CHOWN_HINT)

    def require_complete(self) -> None:
        """Raise DataDirectoryError if a restore was interrupted."""
        if os.path.exists(self.file(RESTORE_MARKER_FILE)):
            raise DataDirectoryError(
                f"{self.path} is incomplete: a restore was interrupted",
                f"run `envmgr-alm restore BACKUP --data-dir {self.path}` again",
            )

    @property
    def is_accessible_to_others(self) -> bool:
        """Return whether other users can read or write the directory."""
        return os.name == "posix" and bool(os.stat(self.path).st_mode & _OTHERS)

    @property
    def is_new(self) -> bool:
        """Return whether no server has stored data here yet."""
        return not any(os.path.exists(self.database(service)) for service in self._services)

    def __enter__(self) -> Self:
        """Lock the directory for this process; raise DataDirectoryError if it is locked."""
        self.make()
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise DataDirectoryError(
                f"data directory {self.path} is in use by another server{self._owner_hint()}",
                "stop it, or pass another --data-dir",
            ) from None
        except OSError as error:
            raise DataDirectoryError(
                f"cannot lock {self._lock.lock_file}: {error.strerror}",
                _CHOWN_HINT if isinstance(error, PermissionError) else _LOCAL_HINT,
            ) from error
        with suppress(OSError):  # The file only names this process in the hint to a second server.
            _write(self.file("server.pid"), f"{os.getpid()}\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Unlock the directory."""
        with suppress(OSError):
            os.unlink(self.file("server.pid"))
        self._lock.release()

    def _owner_hint(self) -> str:
        try:
            with open(self.file("server.pid"), encoding="ascii") as file:
                return f" (pid {int(file.read())})"
        except (OSError, ValueError):
            return ""


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
