"""Locking a project without installing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import LockOutOfDate, ProjectError
from envmgr.kit.frozen import frozen
from envmgr.lockformat.model import EMPTY
from envmgr.lockformat.writer import render
from envmgr.project import lockfile, lockfile_io
from envmgr.resolve import canonical_names, known_tools, lock_consistency, lock_manifests, lock_update

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.project.dotfile import Dotfile
    from envmgr.resolve.context import Context
    from envmgr.resolve.lock_update import Pin


@frozen
class LockResult:
    """The pins of a lock."""

    path: str
    changed: bool
    pins: tuple[Pin, ...]


def lock(context: Context, tools: Sequence[str] = (), platforms: Sequence[str] = ()) -> LockResult:
    """Write the lock of the nearest dotfile for all platforms.

    Locked versions that still match stay; those of `tools` are resolved again.
    """
    dotfile = project_file(context)
    known_tools.require_known(context, dotfile.entries)
    names = frozenset(_requested_name(context, dotfile, tool) for tool in tools)
    pins = _pins(context, dotfile, names, platforms)
    is_changed = lock_update.write(context, dotfile, pins)
    lock_manifests.warn_of_own_manifests(context, dotfile, pins)
    return LockResult(lockfile_io.path_beside(dotfile.path), is_changed, tuple(pins))


def check(context: Context) -> LockResult:
    """Raise StaleLock with the difference unless the lock matches its inputs."""
    dotfile = project_file(context)
    known_tools.require_known(context, dotfile.entries)
    path = lockfile_io.path_beside(dotfile.path)
    before = context.locks.lock(path)
    if before is None:
        raise LockOutOfDate(f"{path} not found", "run `envmgr lock` and commit the file")
    issues = list(
        lock_consistency.find_inconsistencies(context, before, lock_update.lockable(dotfile.entries))
    )
    if issues:
        raise LockOutOfDate(
            "\n".join([f"{path} is inconsistent", *(f"  {issue}" for issue in issues)]), lock_consistency.HINT
        )
    pins = _pins(context, dotfile, frozenset(), ())
    after = lock_update.apply(before, pins, dotfile)
    if context.locks.text(path) != render(after):
        lines = lockfile.diff(before, after) or ("file was edited by hand",)
        raise LockOutOfDate(
            "\n".join([f"{path} is out of date", *(f"  {line}" for line in lines)]),
            "run `envmgr lock` and commit the file",
        )
    return LockResult(path, changed=False, pins=tuple(pins))


def project_file(context: Context) -> Dotfile:
    """Return the nearest dotfile; raise an error with the command that creates one."""
    nearest = next((file for file in context.project.files if not file.is_global), None)
    if nearest is None:
        raise ProjectError(
            f"no .envmgr found in {context.environment.cwd} or any parent",
            "create one with `envmgr use TOOL VERSION`, such as `envmgr use nodejs ^20`",
        )
    return nearest


def _requested_name(context: Context, dotfile: Dotfile, tool: str) -> str:
    """Return a tool of a dotfile by its name, an alias or a short name; raise ProjectError."""
    names = [entry.tool for entry in dotfile.entries]
    name = canonical_names.name_among(context, tool, names)
    if name is None:
        raise ProjectError(f"{tool} is not in {dotfile.path}", f"it lists {', '.join(sorted(names))}")
    return name


def _pins(context: Context, dotfile: Dotfile, refresh: frozenset[str], platforms: Sequence[str]) -> list[Pin]:
    canonical_names.require_canonical(context, dotfile.entries)
    before = context.locks.lock(lockfile_io.path_beside(dotfile.path)) or EMPTY
    return lock_update.pin(
        context,
        lock_update.lockable(dotfile.entries),
        before,
        lock_update.platforms_for(context, before, platforms),
        is_good=lambda _: False,
        refresh=refresh,
    )
