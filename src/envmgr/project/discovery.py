"""Search for a directory's requests: dotfiles above it, environment overrides, the user's global file.

From weak to strong: the global file, the dotfiles from the root down to the working directory, and
`ENVMGR_<TOOL>_VERSION`. The nearest file that names a tool wins for that tool only.

`ENVMGR_CEILING` is a list of absolute directories (separated as PATH is). The search upward ends with the first of
them, or the root, and includes it; git and mise exclude theirs, which would exclude a checkout from its own
subdirectories. Directories are compared as text.
"""

from __future__ import annotations

import os

from envmgr.kit.environment import override_variable
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes
from envmgr.project import dotfile
from envmgr.project.lockfile_io import path_beside
from envmgr.project.request import Origin, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envmgr.kit.environment import Environment
    from envmgr.kit.paths import Paths
    from envmgr.project.dotfile import Dotfile

CEILING = "ENVMGR_CEILING"


@frozen
class Project:
    """The requests for tools in a directory.

    `directory` is that of the nearest dotfile, None without one. `files` are the dotfiles, nearest first,
    and the global file last (`is_global`). `considered` are the paths of all possible files, in the same order.
    `overrides` are the variables `ENVMGR_…_VERSION` that are set.
    """

    directory: str | None
    files: tuple[Dotfile, ...]
    searched_paths: tuple[str, ...]
    overrides: Mapping[str, str] = {}

    @property
    def path(self) -> str | None:
        """Return the nearest dotfile's path; the global file is none."""
        return next((file.path for file in self.files if not file.is_global), None)

    @property
    def directories(self) -> tuple[str, ...]:
        """Return the searched directories, nearest first, with or without a dotfile."""
        return tuple(os.path.dirname(path) for path in self.searched_paths[:-1])

    def requests(self, known_tools: Iterable[str] = ()) -> tuple[Request, ...]:
        """Return the effective requests, nearest file first, in file order.

        Overridden tools that no file names follow, if they are among `known_tools`: a variable's name does not
        identify its tool. Raise ProjectError for an override that cannot be a version.
        """
        by_tool: dict[str, Request] = {}
        for file in self.files:
            for entry in file.entries:
                if entry.tool not in by_tool:
                    by_tool[entry.tool] = self._override(entry.tool) or entry
        for tool in sorted(set(known_tools).difference(by_tool)) if self.overrides else ():
            request = self._override(tool)
            if request:
                by_tool[tool] = request
        return tuple(by_tool.values())

    def request(self, tool: str) -> Request | None:
        """Return the effective request for one tool; raise ProjectError for an invalid override."""
        override = self._override(tool)
        if override:
            return override
        return next((entry for file in self.files if (entry := file.request(tool))), None)

    def file_of(self, request: Request) -> Dotfile | None:
        """Return the file that decided, None if that was no file."""
        if request.origin.kind not in {"file", "global"}:
            return None
        return next((file for file in self.files if file.path == request.origin.name), None)

    def lock_of(self, request: Request) -> str | None:
        """Return the path of the lock next to the effective file, None without a file."""
        file = self.file_of(request)
        return path_beside(file.path) if file else None

    def _override(self, tool: str) -> Request | None:
        name = override_variable(tool)
        text = self.overrides.get(name)
        if text is None:
            return None
        try:
            return Request(tool, dotfile.parse_specs(text.strip()), Origin("environment", name))
        except ValueError as error:
            from envmgr.kit.errors import ProjectError

            raise ProjectError(f"${name}: {error}", f"set it to a version of {tool}, or unset it") from None


def find(environment: Environment, paths: Paths) -> Project:
    """Return the requests for tools in the working directory.

    Raise DotfileError for a file with bad lines, StorageError for one that cannot be read; both name it.
    """
    candidates = search_paths(environment)
    dotfiles = [(path, text) for path in candidates if (text := _text(path)) is not None]
    files = [dotfile.parse(text, path) for path, text in dotfiles]
    text = _text(paths.global_file)
    if text is not None:
        files.append(dotfile.parse(text, paths.global_file, is_global=True))
    return Project(
        directory=os.path.dirname(dotfiles[0][0]) if dotfiles else None,
        files=tuple(files),
        searched_paths=(*candidates, paths.global_file),
        overrides=_overrides(environment.variables),
    )


def search_paths(environment: Environment) -> list[str]:
    """Return the paths of all possible dotfiles, nearest first, without the global file."""
    return [os.path.join(directory, dotfile.NAME) for directory in _directories(environment)]


def _directories(environment: Environment) -> Iterator[str]:
    """Yield the working directory and those above it, up to the ceiling or the root."""
    ceilings = _ceilings(environment.get(CEILING))
    directory = environment.cwd
    while True:
        yield directory
        parent = os.path.dirname(directory)
        if parent == directory or os.path.normcase(directory) in ceilings:
            return
        directory = parent


def _ceilings(text: str) -> frozenset[str]:
    ceilings = (
        os.path.normcase(os.path.normpath(directory))
        for directory in text.split(os.pathsep)
        if os.path.isabs(directory)
    )
    return frozenset(ceilings)


def _text(path: str) -> str | None:
    """Return a dotfile's text; None if it is not a file (`~/.envmgr` may be envmgr's directory)."""
    if not os.path.isfile(path):
        return None
    content = read_bytes(path, dotfile.LIMIT + 1)
    return None if content is None else dotfile.decode(content, path)


def _overrides(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in variables.items()
        if name.startswith("ENVMGR_") and name.endswith("_VERSION") and value.strip()
    }
