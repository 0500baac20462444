"""File operations: atomic writes, and errors that name the path."""

from __future__ import annotations

import errno
import os
import stat
import sys

from envmgr.kit.text_encoding import decode_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import BinaryIO

    from envmgr.kit.errors import StorageError

_HINTS = {
    errno.ENOSPC: ("free some disk space (`envmgr cache clear` empties the download cache), then retry"),
    errno.EDQUOT: "disk quota exceeded: free some space, then retry",
    errno.EFBIG: "file size limit exceeded: raise it with `ulimit -f`, or use another file system",
    errno.EXDEV: (
        "envmgr's directories `staging` and `installs` must be on one file system: "
        "move both, or set ENVMGR_HOME to a directory on the larger disk"
    ),
    errno.EROFS: (
        "read-only file system: make it writable, or, for envmgr's own files, "
        "set ENVMGR_HOME to another directory"
    ),
    errno.EACCES: "check its ownership, or, for envmgr's own files, set ENVMGR_HOME to another directory",
    errno.EPERM: "check its ownership, or, for envmgr's own files, set ENVMGR_HOME to another directory",
}
_HINT_CHOOSE_PATH = "choose a writable path, or change its permissions"
_USER_FILE_HINTS = {
    **_HINTS,
    errno.EROFS: "read-only file system: choose another path",
    errno.EACCES: _HINT_CHOOSE_PATH,
    errno.EPERM: _HINT_CHOOSE_PATH,
}
"""Hints for the user's own files."""


def storage_error(error: OSError, path: str, hints: Mapping[int, str] = _HINTS) -> StorageError:
    """Return a StorageError for an OSError, with the path and a hint."""
    return _storage_error(
        f"cannot write {path}: {_reason(error)}", hints.get(error.errno or 0) or _hint_of_system(error)
    )


def _hint_of_system(error: OSError) -> str | None:
    if os.name != "nt":
        return None
    from envmgr.kit.windows import long_paths

    return long_paths.hint(error)


def read_error(error: OSError, path: str) -> StorageError:
    """Return a StorageError for an OSError of reading, with the path and a hint."""
    return _storage_error(f"cannot read {path}: {_reason(error)}", _HINTS.get(error.errno or 0))


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


class storage_errors:  # noqa: N801 - reads as the statement it is used as
    """Translate each OSError of a `with` block to a StorageError for the path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate OSErrors; other errors pass."""
        if not isinstance(error, OSError):
            return
        from envmgr.kit.errors import EnvmgrError

        if not isinstance(error, EnvmgrError):
            raise storage_error(error, self.path) from error


def make_dir(path: str) -> str:
    """Create a directory and its parents; return its path."""
    with storage_errors(path):
        os.makedirs(path, exist_ok=True)
    return path


def list_names(directory: str) -> list[str]:
    """Return the names in a directory, none if it does not exist; raise StorageError."""
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise read_error(error, directory) from error


def is_file(path: str) -> bool:
    """Return whether a path is a file; raise StorageError where that cannot be determined."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        raise read_error(error, path) from error


def read_bytes(path: str, limit: int = -1) -> bytes | None:
    """Return a file's content, at most `limit` bytes, or None if it does not exist."""
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _storage_error(f"cannot read {path}: {_reason(error)}") from error


def read_text(path: str) -> str | None:
    """Return a file's text with line feeds only, or None if it does not exist."""
    content = read_bytes(path)
    if content is None:
        return None
    try:
        return decode_text(content).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise _storage_error(f"cannot read {path}: invalid UTF-8 at byte {error.start + 1}") from None


def write_atomic(path: str, text: str | bytes, mode: int = 0o644) -> None:
    """Replace a file atomically and durably: readers see the old or the new content."""
    directory = make_dir(os.path.dirname(path))
    staged = temporary_name(path)
    with storage_errors(directory):
        try:
            _write_synced(staged, _encode(text), mode)
            os.replace(staged, path)
        except BaseException:
            unlink_quietly(staged)
            raise


def write_if_changed(path: str, text: str | bytes, mode: int = 0o644) -> bool:
    """Replace a file unless its content is the same; return whether it changed."""
    if os.path.isfile(path) and read_bytes(path) == _encode(text):
        return False
    write_atomic(path, text, mode)
    return True


def write_in_place(path: str, text: str | bytes) -> bool:
    """Replace a user's file unless its content is the same; return whether it changed."""
    if os.path.isfile(path) and read_bytes(path) == _encode(text):
        return False
    with replace_file(path) as file:
        file.write(_encode(text))
    return True


class replace_file:  # noqa: N801 - reads as the statement it is used as
    """Open an output file of the user for a `with` block; links are followed and the mode is preserved.

    A regular file is replaced atomically at the end of the block, or left as it was. Pipes and devices are written to
    directly, like a shell's `>`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._target = os.path.realpath(path)
        self._mode: int | None = None
        self._staged: str | None = None

    def __enter__(self) -> BinaryIO:
        """Open the target, or a temporary file next to it."""
        try:
            self._file = self._open_parent()
        except OSError as error:
            raise self._storage_error(error) from error
        return self._file

    def _open_parent(self) -> BinaryIO:
        try:
            self._mode = os.stat(self.path).st_mode
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._target), exist_ok=True)
        if self._mode is not None and not stat.S_ISREG(self._mode):
            return open(os.open(self.path, os.O_WRONLY | os.O_TRUNC), "wb")
        self._staged = temporary_name(self._target)
        return create_file(self._staged, 0o644)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Replace the target, or discard the temporary file; translate errors of the block."""
        try:
            if error is None:
                self._finish()
        except OSError as finish_error:
            error = finish_error
        finally:
            self._clean_up()
        if isinstance(error, OSError):
            raise self._storage_error(error) from error

    def _finish(self) -> None:
        self._file.flush()
        if self._staged is None:
            return
        os.fsync(self._file.fileno())
        self._file.close()
        if self._mode is not None:
            os.chmod(self._staged, self._mode & 0o777)
        os.replace(self._staged, self._target)
        self._staged = None

    def _clean_up(self) -> None:
        try:  # noqa: SIM105 - contextlib costs start-up time
            self._file.close()
        except OSError:  # buffered content cannot be written either
            pass
        if self._staged is not None:
            unlink_quietly(self._staged)

    def _storage_error(self, error: OSError) -> StorageError:
        return storage_error(error, self.path, _USER_FILE_HINTS)


def temporary_name(path: str) -> str:
    """Return the name of a temporary file next to the target."""
    name = f".{os.path.basename(path)[:80]}.{os.getpid()}.{_counter()}.tmp"
    return os.path.join(os.path.dirname(path), name)


def _encode(text: str | bytes) -> bytes:
    """Encode text as UTF-8, passing undecodable file-name bytes through."""
    return text.encode(errors="surrogateescape") if isinstance(text, str) else text


def create_file(path: str, mode: int) -> BinaryIO:
    """Create a file with a mode from its start, less the umask, and open it; raise FileExistsError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return open(os.open(path, flags, mode), "wb")


def sync_path(path: str) -> None:
    """Flush a file, or the names in a directory, to the disk."""
    if os.name == "nt" and os.path.isdir(path):
        return  # Windows cannot open directories.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_synced(path: str, content: bytes, mode: int) -> None:
    with create_file(path, mode) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def unlink_file(path: str) -> None:
    """Delete a user's file; ignore a missing one."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, path, _USER_FILE_HINTS) from error


def unlink_quietly(path: str) -> None:
    """Delete a file of envmgr if possible."""
    try:  # noqa: SIM105 - contextlib costs start-up time
        os.unlink(path)
    except OSError:
        pass


_count = 0


def _counter() -> int:
    global _count  # noqa: PLW0603 - two threads of one process must not stage under one name
    _count += 1
    return _count


def move_tree(source: str, target: str) -> None:
    """Rename a directory, also while programs in it run; after an error it is where it was."""
    if os.name == "nt":
        from envmgr.kit.windows import running_programs

        running_programs.move_tree(source, target)
    else:
        os.rename(source, target)


def move_tree_back(source: str, target: str) -> None:
    """Rename a directory back after an error; where programs in it run, as much of it as possible."""
    if os.name == "nt":
        from envmgr.kit.windows import running_programs

        running_programs.move_tree_back(source, target)
    else:
        os.rename(source, target)


def remove_tree(path: str) -> None:
    """Delete a directory tree, read-only entries included; ignore a missing one."""
    with storage_errors(path):
        _remove(path)


def remove_unused_tree(path: str) -> bool:
    """Delete a tree as `remove_tree` does; return False if files in it are in use and stay.

    A network file system keeps an open file that is deleted, under another name, until it is closed. Windows does not
    delete the file of a running program.
    """
    with storage_errors(path):
        try:
            _remove(path)
        except OSError as error:
            if error.errno not in _IN_USE:
                raise
            return False
    return True


_IN_USE = frozenset(
    {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, *([errno.EACCES] if os.name == "nt" else [])}
)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        _remove_directory(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _remove_directory(path: str) -> None:
    if _try_remove_empty(path):
        return
    try:
        _rmtree(path)
    except PermissionError:
        _make_writable(path)
        _rmtree(path)


def _try_remove_empty(path: str) -> bool:
    """Delete a directory that is empty or holds empty ones, without importing shutil."""
    try:
        for name in os.listdir(path):
            os.rmdir(os.path.join(path, name))
        os.rmdir(path)
    except OSError:
        return False
    return True


def _make_writable(directory: str) -> None:
    """Set the permissions to delete a directory's content; skip links, which share their target's mode."""
    os.chmod(directory, 0o700)
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _make_writable(entry.path)
            elif sys.platform == "win32" and not entry.is_symlink():
                os.chmod(entry.path, 0o600)


def _rmtree(path: str) -> None:
    """Delete a directory and all in it that can be deleted; raise the first error otherwise."""
    import shutil

    errors: list[OSError] = []
    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=lambda _function, _name, error: _collect(error, errors))
    else:
        shutil.rmtree(path, onerror=lambda _function, _name, info: _collect(info[1], errors))
    if errors:
        raise errors[0]


def _collect(error: BaseException, errors: list[OSError]) -> None:
    """Add an error of an entry in use; raise any other, except of a missing entry."""
    if isinstance(error, OSError) and error.errno in _IN_USE:
        errors.append(error)
    elif not isinstance(error, FileNotFoundError):
        raise error


def _storage_error(message: str, hint: str | None = None) -> StorageError:
    """Create the error; its class is imported only here, as start-up does not need it."""
    from envmgr.kit.errors import StorageError

    return StorageError(message, hint)
