"""Files: whole or not at all, and errors that name the directory."""

from __future__ import annotations

import errno
import os

from envmgr.kit.errors import EnvmgrError, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space (`envmgr cache clear` empties the download cache), then run the same command again",
    errno.EDQUOT: "your disk quota is used up: free some space, then run the same command again",
    errno.EROFS: "the file system is read-only: set ENVMGR_HOME to a directory that can be written to",
    errno.EACCES: "check who owns it, or set ENVMGR_HOME to a directory you can write to",
    errno.EPERM: "check who owns it, or set ENVMGR_HOME to a directory you can write to",
}


def storage_error(error: OSError, path: str) -> StorageError:
    """Translate an operating system's error into one that names the path and the way out."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return StorageError(f"cannot write {path}: {reason}", _HINTS.get(error.errno or 0))


class translating:  # noqa: N801 - reads as the statement it is used as
    """Translate every OSError of a `with` block into a StorageError about the given path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate, leaving our own errors alone."""
        if isinstance(error, OSError) and not isinstance(error, EnvmgrError):
            raise storage_error(error, self.path) from error


def make_dir(path: str) -> str:
    """Create a directory and its parents, and return it."""
    with translating(path):
        os.makedirs(path, exist_ok=True)
    return path


def read_text(path: str) -> str | None:
    """Return a file's text, or None when there is no such file."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error


def write_atomic(path: str, text: str | bytes, mode: int = 0o644) -> None:
    """Replace a file in one step: readers see the old content or the new, also after a crash."""
    directory = make_dir(os.path.dirname(path))
    staged = os.path.join(directory, f".{os.path.basename(path)[:80]}.{os.getpid()}.{_counter()}.tmp")
    with translating(directory):
        try:
            _write_synced(staged, text.encode() if isinstance(text, str) else text, mode)
            os.replace(staged, path)
        except BaseException:
            _unlink_quietly(staged)
            raise


def write_if_changed(path: str, text: str, mode: int = 0o644) -> bool:
    """Write a file unless it already holds just that; tell whether it was written."""
    if os.path.isfile(path) and _bytes(path) == text.encode():
        return False
    write_atomic(path, text, mode)
    return True


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write_synced(path: str, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _unlink_quietly(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


_count = 0


def _counter() -> int:
    global _count  # noqa: PLW0603 - two threads of one process must not stage under one name
    _count += 1
    return _count


def remove_tree(path: str) -> None:
    """Remove a directory and all it holds, read-only ones included; a missing one is fine."""
    import shutil

    def make_writable_and_retry(function: object, name: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        for blocked in (os.path.dirname(name), name):
            os.chmod(blocked, 0o700)
        if os.path.isdir(name) and not os.path.islink(name):
            remove_tree(name)
        else:
            os.unlink(name)

    with translating(path):
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        elif os.path.isdir(path):
            _rmtree(shutil, path, make_writable_and_retry)


def _rmtree(shutil: object, path: str, on_error: object) -> None:
    import sys
    from typing import Any, cast

    remove = cast("Any", shutil).rmtree
    if sys.version_info >= (3, 12):
        remove(path, onexc=on_error)
    else:
        remove(path, onerror=lambda function, name, info: cast("Any", on_error)(function, name, info[1]))
