"""`prune`: removal of installed versions that no known project needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.frozen import frozen
from envmgr.ops.maintenance import needs, uninstall
from envmgr.project import discovery, dotfile, known_projects
from envmgr.resolve import active
from envmgr.shells import plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.install.store import Installed
    from envmgr.ops.maintenance.needs import InstalledName, Needs
    from envmgr.resolve.context import Context


@frozen
class PruneResult:
    """The versions that were removed or would be, and what that depends on.

    `projects` are the directories of known projects, `deleted_projects` of those without a dotfile now. `unreadable`
    are dotfiles with the reason: every version that they may need stays.
    """

    versions: tuple[Installed, ...]
    projects: tuple[str, ...]
    deleted_projects: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()


def select(context: Context) -> PruneResult:
    """Return the installed versions that no known project, the global file or this directory needs."""
    dotfiles = _dotfiles(context)
    deleted = [path for path in dotfiles if needs.is_deleted(path)]
    by_file = {path: needs.needs_of(context, path) for path in dotfiles if path not in deleted}
    unneeded = tuple(_find_unneeded(context, [*by_file.values(), _active_needs(context)]))
    return PruneResult(
        unneeded,
        tuple(os.path.dirname(path) for path in by_file if path != context.paths.global_file),
        tuple(os.path.dirname(path) for path in deleted if path != context.paths.global_file),
        tuple((path, need.issue) for path, need in by_file.items() if need.issue),
    )


def _dotfiles(context: Context) -> list[str]:
    """Return the dotfiles of known projects, those of this directory and above it, and the global file."""
    recorded = known_projects.recorded_directories(context.paths)
    here = [path for path in discovery.search_paths(context.environment) if os.path.isfile(path)]
    paths = (*(os.path.join(directory, dotfile.NAME) for directory in recorded), *here)
    return list(dict.fromkeys((*paths, context.paths.global_file)))


def _active_needs(context: Context) -> Needs:
    """Return what runs in this directory, which variables decide too."""
    try:
        active_versions = active.resolve(context)
    except EnvmgrError:  # the file that cannot be read is reported by its path
        return needs.Needs()
    return needs.Needs(frozenset((item.tool, item.version) for item in active_versions if item.version))


def _find_unneeded(context: Context, all_needs: Iterable[Needs]) -> Iterator[Installed]:
    installed = {(item.tool, item.version): item for item in store.all_installed(context.paths)}
    needed = _with_requirements(context, installed, list(all_needs))
    for name, item in sorted(installed.items()):
        if name not in needed and not item.link and not os.path.islink(item.path):
            yield item


def _with_requirements(
    context: Context, names: Iterable[InstalledName], all_needs: Iterable[Needs]
) -> frozenset[InstalledName]:
    needed = [name for name in names if any(name in need for need in all_needs)]
    return needs.with_requirements(context, needed)


def remove(context: Context, selection: PruneResult) -> PruneResult:
    """Remove the selected versions that are still not needed, and forget deleted projects."""
    current = select(context)
    confirmed = {(item.tool, item.version) for item in selection.versions}
    versions = tuple(item for item in current.versions if (item.tool, item.version) in confirmed)
    if versions:
        uninstall.remove(context, uninstall.UninstallResult(versions))
    for directory in current.deleted_projects:
        known_projects.forget(context.paths, directory)
    if current.deleted_projects:  # where a project is back, its plan would run it without recording it
        plan.invalidate_all(context.paths)
    return PruneResult(versions, current.projects, current.deleted_projects, current.unreadable)
