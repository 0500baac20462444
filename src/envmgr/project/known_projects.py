"""Records of the projects on this machine, one file each: what they need is not removed.

projects/<number of its path>     the project's directory
"""

from __future__ import annotations

import os

from envmgr.kit.fs import list_names, read_bytes, unlink_quietly, write_atomic
from envmgr.kit.paths import hashed_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.kit.paths import Paths
    from envmgr.project.discovery import Project


def directories(project: Project) -> tuple[str, ...]:
    """Return the directories of a project's dotfiles, without the global file."""
    return tuple(os.path.dirname(file.path) for file in project.files if not file.is_global)


def record(paths: Paths, project: Project) -> None:
    """Record a project, and those above it; without permission to write, it stays unknown."""
    for directory in directories(project):
        path = record_path(paths, directory)
        is_known = os.path.exists(path) or _write_if_possible(path, directory)
        if not is_known:  # what the command did does not depend on it
            return


def _write_if_possible(path: str, directory: str) -> bool:
    """Write a project's record; return whether that was possible."""
    try:
        write_atomic(path, os.fsencode(directory))
    except Exception as error:
        from envmgr.kit.errors import StorageError  # fast commands run without it

        if isinstance(error, StorageError):
            return False
        raise
    return True


def record_path(paths: Paths, directory: str) -> str:
    """Return the path of a project's record."""
    return os.path.join(paths.projects, hashed_name(directory))


def recorded_directories(paths: Paths) -> Iterator[str]:
    """Yield the directories of the recorded projects."""
    for name in sorted(list_names(paths.projects)):
        content = read_bytes(os.path.join(paths.projects, name)) or b""
        directory = os.fsdecode(content)
        if hashed_name(directory) == name:  # a file of another program, or one that is being written
            yield directory


def forget(paths: Paths, directory: str) -> None:
    """Delete the record of a project."""
    unlink_quietly(record_path(paths, directory))
