"""Active version of each tool, without network access: the locked one, else the best installed one."""

from __future__ import annotations

import os

from envmgr import versions
from envmgr.install import store
from envmgr.kit.frozen import frozen
from envmgr.lockformat.names import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.install.store import Installed
    from envmgr.lockformat.model import Lockfile
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context


@frozen
class ActiveVersion:
    """One spec of a request and the version it resolves to.

    `kind` is "version", "system" (another program on PATH), "path" (`directory` is an external installation) or
    "source" (a build from source, not supported). `version` is None if no installed version matches and
    the lock has no entry.
    """

    request: Request
    spec: str
    kind: str = "version"
    version: str | None = None
    installed: Installed | None = None
    locked: bool = False
    directory: str = ""

    @property
    def tool(self) -> str:
        """Return the tool's name."""
        return self.request.tool

    @property
    def is_available(self) -> bool:
        """Return whether it can be run now."""
        if self.installed is not None:
            return not self.installed.is_broken
        return self.kind == "system" or os.path.isdir(self.directory)

    @property
    def bin_dirs(self) -> tuple[str, ...]:
        """Return the directories of its programs."""
        if self.installed:
            return self.installed.bin_dirs
        return bin_dirs_of(self.directory) if self.directory else ()

    def find(self, command: str) -> str | None:
        """Return the path of one of its programs."""
        return store.find_program(self.bin_dirs, command)


def bin_dirs_of(directory: str) -> tuple[str, ...]:
    """Return the program directories of an external installation: `bin` if it exists, and its root."""
    inside = os.path.join(directory, "bin")
    return (inside, directory) if os.path.isdir(inside) else (directory,)


def resolve(context: Context) -> tuple[ActiveVersion, ...]:
    """Return the active version of every spec in the context's directory, defaults first within a tool."""
    requests = context.project.requests(known_tools=store.tools(context.paths))
    return tuple(active for request in requests for active in resolve_request(context, request))


def resolve_tool(context: Context, tool: str) -> ActiveVersion | None:
    """Return a tool's active version, or None if it is not requested."""
    request = context.project.request(tool)
    return resolve_request(context, request)[0] if request else None


def resolve_request(context: Context, request: Request) -> tuple[ActiveVersion, ...]:
    """Return the active version of each spec of a request."""
    lock = _lockfile_for(context, request)
    return tuple(_resolve_spec(context, request, spec, lock) for spec in request.specs)


def _lockfile_for(context: Context, request: Request) -> Lockfile | None:
    path = context.project.lock_of(request)
    return context.locks.lock(path) if path else None


def _resolve_spec(context: Context, request: Request, spec: str, lock: Lockfile | None) -> ActiveVersion:
    kind, value = versions.classify(spec)
    if kind == "system":
        return ActiveVersion(request, spec, "system")
    if kind == "path":
        return ActiveVersion(request, spec, "path", directory=resolve_path_spec(request, value))
    if kind not in {"version", "tag"}:
        return ActiveVersion(request, spec, "source")
    return _resolve_version(context, request, spec, lock)


def resolve_path_spec(request: Request, value: str) -> str:
    """Return the directory of a `path:` spec, relative to the file that contains it."""
    base = os.path.dirname(request.origin.name) if request.origin.kind in {"file", "global"} else ""
    return os.path.normpath(os.path.join(base, os.path.expanduser(value)))


def _resolve_version(context: Context, request: Request, spec: str, lock: Lockfile | None) -> ActiveVersion:
    locked = lock.version_of(key(request.tool, spec)) if lock else None
    version = locked or best_installed(context, request.tool, spec.removeprefix("tag:"))
    installed = store.get(context.paths, request.tool, version) if version else None
    return ActiveVersion(request, spec, "version", version, installed, locked is not None)


def best_installed(context: Context, tool: str, spec: str) -> str | None:
    """Pick the best installed version for a spec."""
    candidates = store.versions(context.paths, tool)
    if spec in candidates:
        return spec
    return next(iter(_matching(context, tool, spec, candidates)), None) if candidates else None


def matching_installed(context: Context, tool: str, spec: str) -> tuple[str, ...]:
    """Return the installed versions that match a spec, best first."""
    return _matching(context, tool, spec, store.versions(context.paths, tool))


def _matching(context: Context, tool: str, spec: str, candidates: Iterable[str]) -> tuple[str, ...]:
    installed = [
        installed_version
        for version in candidates
        if (installed_version := store.get(context.paths, tool, version))
    ]
    variants = dict.fromkeys(
        variant for installed_version in installed for variant in installed_version.variants
    )
    vendor = next(
        (
            installed_version.default_vendor
            for installed_version in installed
            if installed_version.default_vendor
        ),
        None,
    )
    try:
        return versions.select(candidates, spec, variants=variants, default_vendor=vendor).candidates
    except ValueError:  # a word such as `lts`, which only the list of releases explains
        return ()
