"""Lock files on disk: next to their dotfile, parsed once a run, replaced atomically."""

from __future__ import annotations

import os

from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.kit.text_encoding import decode_text
from envmgr.lockformat.limits import MAX_BYTES, check_bytes, check_releases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.kit.errors import LockfileError
    from envmgr.lockformat.errors import LockFormatError
    from envmgr.lockformat.model import Lockfile

    FileState = tuple[int, int, int]


def path_beside(dotfile: str) -> str:
    """Return the path of a dotfile's lock: `.envmgr.lock` for `.envmgr`."""
    return f"{dotfile}.lock"


class LockFiles:
    """The lock files of one run, each read and parsed once.

    `lock` and `text` return the cached content; `reload` reads a file again if it changed on disk, which a writer
    that holds the file's lock must do; `write` replaces file and cache.
    """

    def __init__(self) -> None:
        self._states: dict[str, FileState | None] = {}
        self._texts: dict[str, str | None] = {}
        self._locks: dict[str, Lockfile] = {}

    def lock(self, path: str) -> Lockfile | None:
        """Return a lock, None if the file does not exist; raise LockfileError if it is not valid."""
        text = self.text(path)
        if text is not None and path not in self._locks:
            self._locks[path] = parse(text, path)
        return self._locks.get(path)

    def text(self, path: str) -> str | None:
        """Return a lock's text with line feeds only, None if the file does not exist."""
        if path not in self._texts:
            self._states[path] = _file_state(path)
            self._texts[path] = text_of(path)
        return self._texts[path]

    def reload(self, path: str) -> Lockfile | None:
        """Return a lock as it is on disk now."""
        if path in self._states and self._states[path] != _file_state(path):
            self._forget(path)
        return self.lock(path)

    def write(self, path: str, lock: Lockfile) -> bool:
        """Write a lock unless the file already has that content; return whether it was written."""
        is_written = write(path, lock)
        if is_written:
            self._forget(path)
        return is_written

    def _forget(self, path: str) -> None:
        for cache in (self._states, self._texts, self._locks):
            cache.pop(path, None)


def _file_state(path: str) -> FileState | None:
    """Return what changes when a file is replaced or written."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def parse(text: str, path: str) -> Lockfile:
    """Parse a lock's text; raise LockfileError with the file, the JSON path and a hint."""
    from envmgr.lockformat import parser
    from envmgr.lockformat.errors import LockFormatError

    try:
        return parser.parse(text)
    except LockFormatError as error:
        raise _lockfile_error(error, path) from None


def text_of(path: str) -> str | None:
    """Return a lock's text with line feeds only, None if the file does not exist; raise LockfileError."""
    content = read_bytes(path, MAX_BYTES + 1)
    return None if content is None else _decode(content, path)


def _decode(content: bytes, path: str) -> str:
    from envmgr.lockformat.errors import LockFormatError

    try:
        check_bytes(len(content))
        return decode_text(content).replace("\r\n", "\n")
    except LockFormatError as error:
        raise _lockfile_error(error, path) from None
    except UnicodeDecodeError:
        from envmgr.kit.errors import LockfileError

        raise LockfileError(f"{path}: not UTF-8 text", "restore it from version control") from None


def read(path: str) -> Lockfile | None:
    """Return a lock, None if the file does not exist; raise LockfileError if it is not valid."""
    text = text_of(path)
    return None if text is None else parse(text, path)


def write(path: str, lock: Lockfile) -> bool:
    """Write a lock unless the file already has that content; return whether it was written.

    Raise LockfileError for a lock that is too large to be read again.
    """
    from envmgr.lockformat.errors import LockFormatError
    from envmgr.lockformat.writer import render

    text = render(lock)
    try:
        check_releases(lock.release_count)
        check_bytes(len(text.encode()))
    except LockFormatError as error:
        raise _lockfile_error(error, path) from None
    return write_in_place(path, text)


def _lockfile_error(error: LockFormatError, path: str) -> LockfileError:
    from envmgr.kit.errors import LockfileError
    from envmgr.lockformat.errors import UnsupportedLockFormat

    hint = error.hint
    if isinstance(error, UnsupportedLockFormat):
        from envmgr.kit.distribution import DISTRIBUTION

        hint = f"update envmgr (`pipx upgrade {DISTRIBUTION}`, or as you installed it)"
    return LockfileError(error.describe(path), hint)
