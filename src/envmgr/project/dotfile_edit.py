"""Changes of requests in dotfiles on disk, which can be undone if what follows fails."""

from __future__ import annotations

import os

from envmgr.kit.file_locks import path_lock
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.project import dotfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envmgr.kit.paths import Paths

    Requests = Sequence[tuple[str, str]]


@frozen
class Edit:
    """The content of a dotfile before (None: no file) and after it was changed."""

    before: bytes | None
    after: str


def write_requests(paths: Paths, path: str, requests: Requests) -> Edit | None:
    """Write tools and specs to a dotfile, all at once; return the edit, None if the dotfile has them."""

    def change(text: str) -> str:
        for tool, spec in requests:
            text = dotfile.with_request(text, tool, spec, path)
        return text

    return _write(paths, path, change)


def remove_requests(paths: Paths, path: str, tools: Sequence[str]) -> Edit | None:
    """Remove the lines of tools from a dotfile, all at once; return the edit, None if it has none of them."""

    def change(text: str) -> str:
        for tool in tools:
            text = dotfile.without_request(text, tool, path)
        return text

    return _write(paths, path, change)


def _write(paths: Paths, path: str, change: Callable[[str], str]) -> Edit | None:
    if _edit(path, change) is None:
        return None  # without a lock, for which there may be nowhere to write
    with path_lock(paths, path):
        edit = _edit(path, change)
        if edit is not None:
            write_in_place(path, edit.after)
    return edit


def _edit(path: str, change: Callable[[str], str]) -> Edit | None:
    """Return the edit that a change makes to a dotfile, None if it makes none."""
    content = read_bytes(path, dotfile.LIMIT + 1)
    text = dotfile.decode(content, path) if content else ""
    changed = change(text)
    return Edit(content, changed) if changed != text else None


def restore(paths: Paths, path: str, edit: Edit) -> None:
    """Restore a dotfile, unless another process has changed it since."""
    with path_lock(paths, path):
        if read_bytes(path) != edit.after.encode():
            return
        if edit.before is None:
            os.unlink(path)
        else:
            write_in_place(path, edit.before)
