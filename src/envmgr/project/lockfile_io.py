"""Locks on disk: beside the file whose requests they lock, read whole, written in one step."""

from __future__ import annotations

from envmgr.kit.errors import LockfileError
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.project.lockfile import render
from envmgr.project.lockfile_parser import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.project.lockfile import Lockfile

LIMIT = 16 * 2**20


def path_beside(dotfile: str) -> str:
    """Return where the lock of a dotfile is: `.envmgr.lock` for `.envmgr`."""
    return f"{dotfile}.lock"


def text_of(path: str) -> str | None:
    """Return a lock's text with line feeds only, or None if there is no file; raise LockfileError for no text."""
    content = read_bytes(path, LIMIT + 1)
    if content is None:
        return None
    if len(content) > LIMIT:
        raise LockfileError(f"{path}: is larger than {LIMIT // 2**20} MB", "remove it and run `envmgr lock`")
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise LockfileError(f"{path}: is not UTF-8 text", "restore it from version control") from None


def read(path: str) -> Lockfile | None:
    """Return a lock, or None if there is no file; raise LockfileError for what cannot be read."""
    text = text_of(path)
    return None if text is None else parse(text, path)


def write(path: str, lock: Lockfile) -> bool:
    """Write a lock unless the file holds just that; tell whether it was written."""
    return write_in_place(path, render(lock))
