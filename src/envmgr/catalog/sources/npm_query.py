"""The configuration of this machine's npm: the one on PATH, else one of an installed tool."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envmgr.kit.environment import Environment

_TIMEOUT = 60
_UNSET = {"", "undefined", "null"}


class Ask(Protocol):
    """A function that queries npm."""

    def __call__(self, environment: Environment, installs: str, keys: Sequence[str]) -> Mapping[str, str]:
        """Return npm settings by name, for at least two names; without npm, an empty dict."""


def query_npm(environment: Environment, installs: str, keys: Sequence[str]) -> dict[str, str]:
    """Return the output of the first npm that works."""
    for npm in _candidates(environment, installs):
        options = _query_options(npm, environment, keys)
        if options:
            return options
    return {}


def _candidates(environment: Environment, installs: str) -> Iterator[str]:
    on_path = shutil.which("npm", path=_path_without_shims(environment, installs))
    if on_path:
        yield on_path
    yield from _find_installed_npm(installs)


def _path_without_shims(environment: Environment, installs: str) -> str:
    """Return PATH without shims, whose npm may be the one that is being installed."""
    shims = os.path.join(os.path.dirname(installs), "shims")
    folders = environment.get("PATH").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if os.path.normpath(folder or ".") != shims)


def _find_installed_npm(installs: str) -> Iterator[str]:
    """Find npm in installed tools, the newest installation first."""
    trees = [tree for tool in _entries(installs) for tree in _entries(tool)]
    for tree in sorted(trees, key=os.path.getmtime, reverse=True):
        folders = os.pathsep.join(os.path.join(tree, folder) for folder in (".bin", "bin", "."))
        npm = shutil.which("npm", path=folders)
        if npm:
            yield npm


def _entries(folder: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return []


def _query_options(npm: str, environment: Environment, keys: Sequence[str]) -> dict[str, str]:
    beside = os.pathsep.join([os.path.dirname(npm), environment.get("PATH")])
    try:
        process = subprocess.run(  # noqa: S603 - an npm that was found, fixed arguments
            [npm, "config", "get", *keys, "--loglevel=silent"],
            env={**environment.variables, "PATH": beside},
            cwd=environment.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return _parse_options(process.stdout.decode(errors="replace"), keys)


def _parse_options(output: str, names: Sequence[str]) -> dict[str, str]:
    """Read the `key=value` lines that npm answers to several keys."""
    pairs = (line.partition("=")[::2] for line in output.splitlines())
    return {name: value.strip() for name, value in pairs if name in names and value.strip() not in _UNSET}
