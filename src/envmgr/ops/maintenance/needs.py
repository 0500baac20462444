"""Installed versions that a project's dotfile and lock need."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.install import store
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes
from envmgr.lockformat.model import EMPTY
from envmgr.lockformat.names import key
from envmgr.project import dotfile, lockfile_io
from envmgr.resolve import active

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.lockformat.model import Lockfile
    from envmgr.resolve.context import Context

    InstalledName = tuple[str, str]
    """A tool and its version."""

_RELEASE_KINDS = frozenset({"version", "tag"})


@frozen
class Needs:
    """Tools and versions that must stay; all versions of `tools`.

    `issue` is why a file could not be read, else empty: it then may need all of this.
    """

    versions: frozenset[InstalledName] = frozenset()
    tools: frozenset[str] = frozenset()
    issue: str = ""

    def __contains__(self, name: InstalledName) -> bool:
        """Return whether a version must stay."""
        return name in self.versions or name[0] in self.tools


def needs_of(context: Context, path: str) -> Needs:
    """Return the installed versions that a dotfile and its lock need, on doubt all that they may need."""
    try:
        content = read_bytes(path, dotfile.LIMIT + 1)
        requests = dotfile.parse(dotfile.decode(content or b"", path), path)
        lock = context.locks.lock(lockfile_io.path_beside(path)) or EMPTY
    except EnvmgrError as error:
        return Needs(tools=frozenset(_named_tools(context, path)), issue=error.message)
    specs = [(entry.tool, spec) for entry in requests.entries for spec in entry.specs]
    uncertain = {tool for tool, spec in specs if _is_uncertain(context, tool, spec, lock)}
    resolved = {(tool, _version_of(context, tool, spec, lock)) for tool, spec in specs}
    needed = {(tool, version) for tool, version in (*resolved, *_locked_versions(lock)) if version}
    return Needs(frozenset(needed), frozenset(uncertain))


def _named_tools(context: Context, path: str) -> Iterator[str]:
    """Yield the installed tools that a dotfile or its lock names.

    All are named if one of the files is not text, or cannot be read.
    """
    texts = [_raw_text(path), _raw_text(lockfile_io.path_beside(path))]
    for tool in store.tools(context.paths):
        if any(text is None or tool in text for text in texts):
            yield tool


def _raw_text(path: str) -> str | None:
    """Return a file's text, empty without a file; None if it cannot be read, or is not UTF-8."""
    try:
        content = read_bytes(path) or b""
        return None if b"\0" in content else content.decode()
    except (EnvmgrError, UnicodeDecodeError):
        return None


def _locked_versions(lock: Lockfile) -> Iterator[InstalledName]:
    """Yield all versions in a lock, also those that no request of its dotfile resolves to."""
    yield from lock.seed.items()
    for tool, locked in lock.tools.items():
        for version in locked:
            yield tool, version


def _version_of(context: Context, tool: str, spec: str, lock: Lockfile) -> str | None:
    """Return the version that runs for a request: the locked one, else the best that is installed."""
    if versions.classify(spec)[0] not in _RELEASE_KINDS:
        return None
    locked = lock.version_of(key(tool, spec))
    if locked and store.get(context.paths, tool, locked):
        return locked
    return active.best_installed(context, tool, spec.removeprefix("tag:"))


def _is_uncertain(context: Context, tool: str, spec: str, lock: Lockfile) -> bool:
    """Return whether a request depends on the list of releases (`lts`), so that any version may match."""
    kind, value = versions.classify(spec)
    if kind not in _RELEASE_KINDS or lock.version_of(key(tool, spec)):
        return False
    if _version_of(context, tool, spec, lock):
        return False
    try:
        versions.parse_spec(value)
    except ValueError:
        return True
    return False


def with_requirements(context: Context, names: Iterable[InstalledName]) -> frozenset[InstalledName]:
    """Return versions with the newest installed ones of the tools that they run on."""
    needed: set[InstalledName] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += _requirements(context, *name)
    return frozenset(needed)


def _requirements(context: Context, tool: str, version: str) -> Iterator[InstalledName]:
    installed = store.get(context.paths, tool, version)
    for required in installed.requires if installed else ():
        newest = active.best_installed(context, required, "latest")
        if newest:
            yield required, newest


def is_deleted(path: str) -> bool:
    """Return whether a dotfile was deleted; False on doubt, such as without permission to look."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return os.path.isdir(path)
