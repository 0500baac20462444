"""PATH and variables that the tools of a directory add, and the inputs that they depend on."""

from __future__ import annotations

import os

from envmgr.install import store
from envmgr.kit.environment import override_variable
from envmgr.kit.frozen import frozen
from envmgr.project import lockfile_io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


@frozen
class ToolEnvironment:
    """Directories to prepend to PATH, variables to export, and the tools that they come from.

    `excluded` are active tools that may add neither.
    """

    path: tuple[str, ...]
    exports: Mapping[str, str]
    sources: tuple[ActiveVersion, ...] = ()
    excluded: tuple[ActiveVersion, ...] = ()


def tool_environment(context: Context, active_versions: Sequence[ActiveVersion]) -> ToolEnvironment:
    """Return the environment of active tools, and of the tools that these run on, for a shell."""
    all_versions = (*active_versions, *runtime_providers(context, active_versions, active_versions))
    sources = tuple(item for item in all_versions if not _is_foreign(item))
    excluded = tuple(item for item in active_versions if _is_foreign(item) and item.is_available)
    return ToolEnvironment(tuple(dict.fromkeys(bin_dirs(sources))), exports(sources), sources, excluded)


def _is_foreign(active_version: ActiveVersion) -> bool:
    """Return whether others may decide which programs a tool has.

    A `path:` request of a project's file names a directory of that project, in which there may be a `git` or `ls`. A
    relative one, of a variable, names another directory in each project. The global file is the user's own.
    """
    if active_version.kind != "path":
        return False
    return active_version.request.origin.kind == "file" or not os.path.isabs(active_version.directory)


def runtime_providers(
    context: Context, dependents: Sequence[ActiveVersion], active_versions: Sequence[ActiveVersion]
) -> tuple[ActiveVersion, ...]:
    """Return the tools that the dependents run on and the project does not request."""
    if not any(
        active_version.installed and active_version.installed.requires for active_version in dependents
    ):
        return ()
    from envmgr.resolve import runtime_deps

    return runtime_deps.runtime_providers(context, dependents, active_versions)


def bin_dirs(active_versions: Iterable[ActiveVersion]) -> tuple[str, ...]:
    """Return the program directories of active tools, in order."""
    return tuple(directory for active_version in active_versions for directory in active_version.bin_dirs)


def exports(active_versions: Iterable[ActiveVersion]) -> dict[str, str]:
    """Return the variables of active tools; the first tool that sets one wins."""
    variables: dict[str, str] = {}
    for active_version in active_versions:
        for name, value in (active_version.installed.env if active_version.installed else {}).items():
            variables.setdefault(name, value)
    return variables


def deciding_variables(context: Context, active_versions: Sequence[ActiveVersion]) -> set[str]:
    """Return the names of the variables that decided which versions are active, or would have if set."""
    tools = (*store.tools(context.paths), *(active_version.tool for active_version in active_versions))
    names = {"ENVMGR_CEILING", *(override_variable(tool) for tool in tools)}
    has_external = any(active_version.kind == "path" for active_version in active_versions)
    if has_external or not context.paths.root:
        names |= {"HOME", "XDG_CONFIG_HOME"}
    return names


def values_of(context: Context, names: Iterable[str]) -> dict[str, str]:
    """Return the values of variables, empty for unset ones."""
    return {name: context.environment.variables.get(name, "") for name in sorted(names)}


def project_files(context: Context, directory: str | None, searched_paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that a resolution depends on, present or absent.

    They are the dotfiles from the project's `directory` up to the root, the global file, and the locks beside them.
    Callers search for dotfiles below that directory themselves.
    """
    above = [path for path in searched_paths if directory and _is_at_or_above(path, directory)]
    return with_locks((*above, context.paths.global_file))


def with_locks(dotfiles: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of dotfiles, each that exists with the path of its lock."""
    files: list[str] = []
    for path in dict.fromkeys(dotfiles):
        files += [path, lockfile_io.path_beside(path)] if os.path.isfile(path) else [path]
    return tuple(files)


def _is_at_or_above(dotfile: str, directory: str) -> bool:
    parent = os.path.dirname(dotfile)
    return parent == directory or directory.startswith(parent.rstrip("/") + "/")
