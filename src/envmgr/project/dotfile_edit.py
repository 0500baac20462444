"""Changes of requests in dotfiles on disk, which can be undone if what follows fails."""

from __future__ import annotations

import os

from envmgr.kit.file_locks import path_lock
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.project import dotfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.kit.paths import Paths

    Requests = Sequence[tuple[str, str]]


@frozen
class Edit:
    """The content of a dotfile before (None: no file) and after requests were written."""

    before: bytes | None
    after: str


def write_requests(paths: Paths, path: str, requests: Requests) -> Edit | None:
    """Write tools and specs to a dotfile, all at once; return the edit, None if the dotfile has them."""
    if _edit(path, requests) is None:
        return None  # without a lock, for which there may be nowhere to write
    with path_lock(paths, path):
        edit = _edit(path, requests)
        if edit is not None:
            write_in_place(path, edit.after)
    return edit


def _edit(path: str, requests: Requests) -> Edit | None:
    """Return the edit that adds requests to a dotfile, None if it has them."""
    content = read_bytes(path, dotfile.LIMIT + 1)
    text = changed = dotfile.decode(content, path) if content else ""
    for tool, spec in requests:
        changed = dotfile.with_request(changed, tool, spec, path)
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
