"""The directory that an embedded server keeps everything in, for one server at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout

from envmgr.kit.errors import EnvmgrError

if TYPE_CHECKING:
    from types import TracebackType

_OURS, _OTHERS = 0o700, 0o077
SERVICES = ("app", "version", "deployment", "audit", "gateway", "worker")
_MARKER_FILES = frozenset(
    {"server.lock", "jwt.secret", "audit.key", *(f"{service}.db" for service in SERVICES)}
)
"""By any of these, a directory is known for a server's."""
_IGNORED_NAMES = frozenset({"lost+found"})
"""What an empty volume holds."""


class DataDirectoryError(EnvmgrError):
    """The directory cannot be used; the message says why, and the way out."""


class DataDirectory:
    """The directory, made if there is none, readable to its owner only."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = FileLock(self.file("server.lock"), mode=0o600)

    def file(self, name: str) -> str:
        """Return the path of a file in it."""
        return os.path.join(self.path, name)

    def database(self, service: str) -> str:
        """Return the path of a service's database."""
        return self.file(f"{service}.db")

    def make(self) -> None:
        """Make the directory, if there is none, or take an empty one.

        Raise DataDirectoryError where nothing can be kept in it, or somebody else keeps something there.
        """
        try:
            os.makedirs(self.path, mode=_OURS, exist_ok=True)
        except OSError as error:
            raise DataDirectoryError(
                f"cannot make the data directory {self.path}: {error.strerror}",
                "choose another with --data-dir",
            ) from error
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise DataDirectoryError(
                f"cannot write to the data directory {self.path}",
                "give it to the user that runs the server, or choose another with --data-dir",
            )
        held = frozenset(os.listdir(self.path))
        if held & _MARKER_FILES:
            return
        if foreign := sorted(held - _IGNORED_NAMES):
            raise DataDirectoryError(
                f"{self.path} is not empty, and what it holds is not a server's: {foreign[0]}",
                "name an empty directory, or one that is yet to be made, with --data-dir",
            )
        with suppress(OSError):  # of a volume that belongs to somebody else: then there is a warning
            os.chmod(self.path, _OURS)

    @property
    def is_accessible_to_others(self) -> bool:
        """Say whether others on this machine may look into it or put something there."""
        return os.name == "posix" and bool(os.stat(self.path).st_mode & _OTHERS)

    @property
    def is_new(self) -> bool:
        """Say whether no server has kept anything here yet."""
        return not os.path.exists(self.database("gateway"))

    def __enter__(self) -> Self:
        """Take the directory for this process. Raise DataDirectoryError where another has it."""
        self.make()
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise DataDirectoryError(
                f"a server{self._owner_hint()} runs on {self.path}",
                "stop that one, or choose another --data-dir",
            ) from None
        except OSError as error:
            raise DataDirectoryError(
                f"cannot lock {self._lock.lock_file}: {error.strerror}",
                "keep the data on a file system of this machine: choose another --data-dir",
            ) from error
        _write(self.file("server.pid"), f"{os.getpid()}\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the directory back."""
        os.unlink(self.file("server.pid"))
        self._lock.release()

    def _owner_hint(self) -> str:
        try:
            with open(self.file("server.pid"), encoding="ascii") as file:
                return f" (process {int(file.read())})"
        except (OSError, ValueError):
            return ""


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
