"""`env`: PATH and the variables of the project's tools."""

from __future__ import annotations

import os

from envmgr.kit.frozen import frozen
from envmgr.project import known_projects
from envmgr.resolve import active, tool_environment
from envmgr.shells import quoting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


@frozen
class ProjectEnvironment:
    """The environment of a directory, as activation sets it.

    `path` are the directories of programs, with which PATH in `variables` starts. `missing` are requested versions that
    are not installed, `excluded` those whose directories may not be on PATH. `files` are the requests and locks that
    decide, present or absent.
    """

    path: tuple[str, ...]
    variables: Mapping[str, str]
    missing: tuple[ActiveVersion, ...]
    excluded: tuple[ActiveVersion, ...]
    files: tuple[str, ...]


def project_environment(context: Context) -> ProjectEnvironment:
    """Record the project; return PATH and the variables of the tools that are active in the directory."""
    active_versions = active.resolve(context)
    known_projects.record(context.paths, context.project)
    environment = tool_environment.tool_environment(context, active_versions)
    exports = {name: value for name, value in environment.exports.items() if quoting.can_export(name)}
    path = _join_path(environment.path, context.environment.get("PATH"))
    return ProjectEnvironment(
        environment.path,
        {"PATH": path, **exports},
        tuple(item for item in active_versions if not item.is_available),
        environment.excluded,
        tool_environment.with_locks(context.project.searched_paths),
    )


def _join_path(directories: Collection[str], path: str) -> str:
    """Return a PATH with directories in front, and nowhere else: repeated, it does not grow."""
    others = [directory for directory in path.split(os.pathsep) if directory not in directories]
    return os.pathsep.join([*directories, *others]) if path else os.pathsep.join(directories)
