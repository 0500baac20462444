"""Recording the result of a command that had nothing to do, for the next run to print it again."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import envmgr
from envmgr.install import store
from envmgr.install.receipt import RECEIPT
from envmgr.kit import data_files, result_cache
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.fs import list_names
from envmgr.kit.result_cache import Result, Validity, directory_input, file_input
from envmgr.project import known_projects
from envmgr.project.lockfile_io import path_beside
from envmgr.shells import shim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envmgr.resolve.context import Context


def record_result(context: Context, key: Sequence[str], result: Result) -> bool:
    """Record a result of a command; return whether the next run may print it.

    It may not if upstream must be asked each time, if the result depends on the time of day, if there are unfinished
    installations, or if an input that the command did not need cannot be read.
    """
    try:
        return _record(context, key, result)
    except EnvmgrError:  # the command has succeeded, and this is only a cache
        return False


def _record(context: Context, key: Sequence[str], result: Result) -> bool:
    expires_at = context.catalog.list_dependencies.fresh_until
    if not expires_at or context.settings.minimum_release_age or _names_in(context.paths.staging):
        return False  # an unfinished installation may be of a process that is killed later: a command deletes it then
    validity = Validity(context.started_at_ns, None if math.isinf(expires_at) else expires_at)
    return result_cache.record(context.paths, key, result, inputs_of(context), validity)


def inputs_of(context: Context) -> Iterator[str]:
    """Yield the files and directories that the results of commands depend on."""
    for _, inputs in INPUTS:
        yield from inputs(context)


def _project_files(context: Context) -> Iterator[str]:
    for path in context.project.searched_paths:
        yield file_input(path)
        yield file_input(path_beside(path))


def _records(context: Context) -> Iterator[str]:
    for directory in known_projects.directories(context.project):
        yield file_input(known_projects.record_path(context.paths, directory))


def _settings(context: Context) -> Iterator[str]:
    yield file_input(context.paths.config_file)


def _manifests(context: Context) -> Iterator[str]:
    for manifest_dir in context.registry.directories:
        yield from _directory_with(manifest_dir.directory, _names_in(manifest_dir.directory))


def _installations(context: Context) -> Iterator[str]:
    """Yield the trees and receipts of all installations, and what is in their directories of programs."""
    installs = context.paths.installs
    yield directory_input(installs)
    for tool in _paths_in(installs):
        yield directory_input(tool)
        for tree in _paths_in(tool):
            yield from _directory_with(tree, [RECEIPT])
    for installed in store.all_installed(context.paths):
        for directory in installed.bin_dirs:
            yield from _directory_with(directory, _names_in(directory))


def _shims(context: Context) -> Iterator[str]:
    yield from _directory_with(context.paths.shims, _names_in(context.paths.shims))
    yield from map(file_input, shim.BASH_PATHS)


def _unfinished_installations(context: Context) -> Iterator[str]:
    yield directory_input(context.paths.staging)


def _lists(context: Context) -> Iterator[str]:
    yield from map(file_input, sorted(context.catalog.list_dependencies.paths))
    yield from map(directory_input, sorted(context.catalog.list_dependencies.directories))


def _own_files(_context: Context) -> Iterator[str]:
    yield file_input(envmgr.__file__)
    templates = data_files.directory("shims")
    yield from _directory_with(templates, _names_in(templates))


INPUTS = (
    ("dotfiles and locks, and the absence of others", _project_files),
    ("records of the project", _records),
    ("settings", _settings),
    ("manifests", _manifests),
    ("installed tools", _installations),
    ("shims", _shims),
    ("unfinished installations", _unfinished_installations),
    ("cached lists of releases, directories of wheels, and pip's configuration", _lists),
    ("files of envmgr", _own_files),
)
"""All files that the commands of `cli/recorded_results.py` read, by subject; a test compares it with what they do."""


def _directory_with(directory: str, names: Iterable[str]) -> Iterator[str]:
    yield directory_input(directory)
    yield from (file_input(os.path.join(directory, name)) for name in names)


def _names_in(directory: str) -> list[str]:
    return sorted(list_names(directory))


def _paths_in(directory: str) -> list[str]:
    return [os.path.join(directory, name) for name in _names_in(directory)]
