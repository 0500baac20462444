"""The lock of a project, with all that the project requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import LockOutOfDate
from envmgr.ops.lock import project_file
from envmgr.project import lock_differences, lockfile_io

if TYPE_CHECKING:
    from envmgr.lockformat.model import Lockfile
    from envmgr.resolve.context import Context


def require_complete_lock(context: Context) -> tuple[str, Lockfile]:
    """Return the path and the content of the nearest lock; raise LockOutOfDate unless it has all requests."""
    dotfile = project_file(context)
    path = lockfile_io.path_beside(dotfile.path)
    lock = context.locks.lock(path)
    if lock is None:
        raise LockOutOfDate(f"{path} not found", "run `envmgr lock` and commit the file")
    differences = lock_differences.differences(lock, dotfile) or [
        f"{tool} {version} has no archives" for tool, version in sorted(lock.seed.items())
    ]
    if differences:
        raise LockOutOfDate(
            "\n".join([f"{path} is out of date", *(f"  {line}" for line in differences)]),
            "run `envmgr lock` and commit the file",
        )
    return path, lock
