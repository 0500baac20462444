"""Registry of manifests: the project's, nearest first, then the user's, then the built-in ones."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envmgr.catalog import manifest_reader
from envmgr.catalog.sources.kinds import KINDS, package_kinds, placeholders
from envmgr.kit import data_files
from envmgr.kit.errors import ManifestError, StorageError, UnknownTool
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import is_file, list_names, read_text
from envmgr.kit.paths import decode_file_name, file_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envmgr.catalog.manifest import Manifest
    from envmgr.kit.paths import Paths

PROJECT_DIRECTORY = ".envmgr.plugins"
SCHEMA_FILE = "plugin.schema.json"
MAX_SUGGESTIONS = 3

_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*")


@frozen
class ManifestDir:
    """One directory of manifests and its scope: `project`, `user` or `built-in`."""

    directory: str
    scope: str


class Registry:
    """Finds manifests by a tool's name or one of its other names, reading each once.

    `project_dirs` are directories of project manifests; an earlier one wins.
    """

    def __init__(self, paths: Paths, project_dirs: Sequence[str] = ()) -> None:
        self.directories = (
            *(ManifestDir(os.path.join(item, PROJECT_DIRECTORY), "project") for item in project_dirs),
            ManifestDir(paths.plugins, "user"),
            ManifestDir(data_files.directory("plugins"), "built-in"),
        )
        self._read: dict[str, Manifest] = {}
        self._checked: dict[str, Manifest] = {}

    def get(self, tool: str) -> Manifest:
        """Return a tool's manifest; raise UnknownTool with suggestions and how to add it."""
        if tool not in self._read:
            self._read[tool] = self._find(tool)
        return self._read[tool]

    def check(self, tool: str) -> Manifest:
        """Return a tool's manifest; raise ManifestError with every issue of one that is not built in."""
        if tool not in self._checked:
            self._checked[tool] = self._check(tool)
        return self._checked[tool]

    def _check(self, tool: str) -> Manifest:
        result = self._file_of(tool)
        path, manifest_dir = result or (self.get(tool).origin, None)
        if _is_file(path) and (
            manifest_dir.scope != "built-in" if manifest_dir else not self.get(tool).builtin
        ):
            from envmgr.catalog import lint

            lint.check(_text(path), path)
        return self.get(tool)

    def names(self) -> tuple[str, ...]:
        """Return the names of all tools with a manifest."""
        return tuple(
            sorted({name for manifest_dir in self.directories for name in _names_in(manifest_dir.directory)})
        )

    def all(self) -> tuple[Manifest, ...]:
        """Return the manifest of every tool, by name; raise ManifestError for the first that cannot be read."""
        return tuple(self.get(name) for name in self.names())

    def scope(self, manifest: Manifest) -> str:
        """Return a manifest's scope: `project`, `user`, `built-in` or `package`."""
        directory = os.path.dirname(manifest.origin)
        return next(
            (manifest_dir.scope for manifest_dir in self.directories if manifest_dir.directory == directory),
            "package",
        )

    def _find(self, tool: str) -> Manifest:
        result = self._file_of(tool)
        if result:
            return _load(result[0], tool, result[1])
        manifest = _package_manifest(tool) or self._find_by_alias(tool)
        if manifest is None:
            raise self.unknown_tool(tool)
        return manifest

    def _file_of(self, tool: str) -> tuple[str, ManifestDir] | None:
        """Return the manifest file of a tool and its directory."""
        paths = (
            (os.path.join(manifest_dir.directory, f"{file_name(tool)}.json"), manifest_dir)
            for manifest_dir in self.directories
        )
        return next((result for result in paths if tool and is_file(result[0])), None)

    def _find_by_alias(self, tool: str) -> Manifest | None:
        return next((manifest for manifest in self._readable() if tool in manifest.aliases), None)

    def _readable(self) -> Iterator[Manifest]:
        """Yield all manifests except invalid ones, which must not hide the others."""
        for name in self.names():
            try:
                yield self.get(name)
            except (ManifestError, StorageError):
                continue

    def unknown_tool(self, tool: str, in_use: Iterable[str] = ()) -> UnknownTool:
        """Return the error for an unknown tool; suggests near names, those of tools in use first."""
        from envmgr.kit.suggest import closest

        aliases = {alias: manifest.name for manifest in self._readable() for alias in manifest.aliases}
        candidates = [aliases.get(name, name) for name in closest(tool, [*self.names(), *aliases])]
        suggestions = list(dict.fromkeys([*closest(tool, in_use), *candidates]))[:MAX_SUGGESTIONS]
        suggestion = f"did you mean {' or '.join(suggestions)}? Otherwise " if suggestions else ""
        return UnknownTool(
            f"unknown tool {tool!r}",
            f"{suggestion}add a manifest with `envmgr plugin add {_quote(tool)} VERSIONS_URL BIN_PATH_TEMPLATE "
            f"[DOWNLOAD_URL_TEMPLATE]`, or use a package: {placeholders()}",
        )


def text_of(manifest: Manifest) -> str | None:
    """Return the text of a manifest's file; None for one that was made of a package's name."""
    return _text(manifest.origin) if _is_file(manifest.origin) else None


def _is_file(origin: str) -> bool:
    """Return whether a manifest has a file; that of a package is made of its name, its origin."""
    return os.path.isabs(origin) and os.path.isfile(origin)


def is_name(text: str) -> bool:
    """Return whether a text is a valid manifest name."""
    return bool(_NAME.fullmatch(text))


def package_of(tool: str) -> tuple[str, str] | None:
    """Split `pypi:ruff` and its like into the kind of source and the package; None for other names."""
    name, _, package = tool.partition(":")
    packages = KINDS[name].packages if name in KINDS else None
    return (name, package) if packages and re.fullmatch(packages.pattern, package) else None


def package_tools(package: str) -> tuple[str, ...]:
    """Return the names of a package as a tool of each source that may have it: `pypi:ruff`, `npm:ruff`."""
    return tuple(
        f"{kind.name}:{package}"
        for kind, packages in package_kinds()
        if re.fullmatch(packages.pattern, package)
    )


def _package_manifest(tool: str) -> Manifest | None:
    parts = package_of(tool)
    packages = KINDS[parts[0]].packages if parts else None
    if parts is None or packages is None:
        return None
    kind, package = parts
    source = {"kind": kind, packages.field: package}
    return manifest_reader.build({"name": tool, "source": source, **packages.defaults}, tool)


def _load(path: str, name: str, directory: ManifestDir) -> Manifest:
    manifest = manifest_reader.read(_text(path), path, directory.scope == "built-in")
    if manifest.name != name:
        raise ManifestError(path, [f"$.name: {manifest.name!r} does not match the file name {name!r}"])
    return manifest


def _text(path: str) -> str:
    return read_text(path) or ""


def _names_in(directory: str) -> Iterator[str]:
    for file in sorted(list_names(directory)):
        if file.endswith(".json") and file != SCHEMA_FILE and not file.startswith("."):
            try:
                yield decode_file_name(file.removesuffix(".json"))
            except ValueError:  # no tool has this name, so the file cannot be found by one
                continue


def _quote(tool: str) -> str:
    return tool if is_name(tool) else "NAME"
