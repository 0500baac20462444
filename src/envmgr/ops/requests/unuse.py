"""`unuse`: remove tools from a project, or from the global file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import ProjectError
from envmgr.kit.frozen import frozen
from envmgr.ops import reshim
from envmgr.ops.requests.dotfile_changes import remove_requests
from envmgr.ops.requests.use import entries_of, pin_others, project_path
from envmgr.project import lockfile_io
from envmgr.resolve import canonical_names, lock_update

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.project.request import Request
    from envmgr.resolve.context import Context


@frozen
class UnuseResult:
    """The requests that were removed from a file, and its lock if that changed."""

    requests: tuple[Request, ...]
    file: str
    lock: str | None


def unuse(context: Context, tools: Sequence[str], *, everywhere: bool = False) -> UnuseResult:
    """Remove tools from the dotfile and its lock; installed versions stay.

    Both change, or neither. Raise ProjectError for a tool that the file does not request.
    """
    path = context.paths.global_file if everywhere else project_path(context)
    entries = {entry.tool: entry for entry in entries_of(context, path)}
    removed = tuple(dict.fromkeys(_require_entry(context, path, entries, tool) for tool in tools))
    lock_path = lockfile_io.path_beside(path)
    others = [entry for entry in entries.values() if entry not in removed]
    is_locked = context.locks.lock(lock_path) is not None
    pins = pin_others(context, path, lock_update.lockable(others)) if is_locked else []
    with remove_requests(context, path, [entry.tool for entry in removed]) as dotfile:
        has_new_lock = is_locked and lock_update.write(context, dotfile, pins)
    reshim.try_refresh(context)
    return UnuseResult(removed, path, lock_path if has_new_lock else None)


def _require_entry(context: Context, path: str, entries: dict[str, Request], tool: str) -> Request:
    name = tool if tool in entries else canonical_names.require_name(context, tool)
    entry = entries.get(name)
    if entry is None:
        raise ProjectError(
            f"{name} is not requested in {path}", "run `envmgr current` to list the tools and their files"
        )
    return entry
