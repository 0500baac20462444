"""Rewriting the shims: one for each command of each installed version, and no other."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.kit.errors import StorageError
from envmgr.kit.file_locks import file_lock
from envmgr.kit.frozen import frozen
from envmgr.shells import plan, shim

if TYPE_CHECKING:
    from envmgr.resolve.context import Context


_NOT_PERMITTED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""Errors of directories of another user, who runs an envmgr of another path or version."""


@frozen
class ReshimResult:
    """All shimmed commands, the files written and removed, and other programs' files."""

    commands: tuple[str, ...]
    written: tuple[str, ...]
    removed: tuple[str, ...]
    foreign: tuple[str, ...]


def reshim(context: Context) -> ReshimResult:
    """Rewrite the shims, and forget all plans."""
    with file_lock(context.paths, "reshim"):  # computed under the lock: else an older view could win
        plan.invalidate_all(context.paths)
        commands = required_commands(context)
        changes = shim.rewrite(context.paths.shims, _files(context, commands))
    return ReshimResult(commands, changes.missing, changes.stale, changes.foreign)


def stale(context: Context) -> tuple[str, ...]:
    """Return the shims that are missing or stale."""
    difference = shim.compare(context.paths.shims, _files(context, required_commands(context)))
    return tuple(sorted({*difference.missing, *difference.stale}))


def try_refresh(context: Context) -> bool:
    """Rewrite the shims if some are missing or stale; return whether all are up to date.

    Those that this user must not write stay as they are.
    """
    if not stale(context):
        return True
    try:
        reshim(context)
    except StorageError as error:
        if not _is_permission_error(error):
            raise
        _warn_of_missing(context, error)
        return False
    return True


def _is_permission_error(error: StorageError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _NOT_PERMITTED


def _warn_of_missing(context: Context, error: StorageError) -> None:
    missing = set(required_commands(context)) - shim.entries(context.paths.shims)
    if missing:
        context.progress.message(f"warning: no shim for {', '.join(sorted(missing))}: {error}")


def required_commands(context: Context) -> tuple[str, ...]:
    """Return the commands of all installed versions; on Windows, `Node` and `node` are the same."""
    names = {name for installed in store.all_installed(context.paths) for name in installed.commands()}
    if _is_windows(context):
        names = set({name.casefold(): name for name in sorted(names)}.values())
    return tuple(sorted(names))


def _is_windows(context: Context) -> bool:
    return context.platform.is_windows or os.name == "nt"


def _files(context: Context, commands: tuple[str, ...]) -> dict[str, bytes]:
    values = shim.shim_context(context.paths)
    files = shim.files(values, commands)
    if _is_windows(context):
        from envmgr.shells import windows_shim

        files |= windows_shim.files(values, commands, windows_shim.read_program(context.platform.arch))
    return files
