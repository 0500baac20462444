"""`outdated`: newer versions of the tools that a project requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.install import store
from envmgr.kit.errors import NoMatchingVersion, ProjectError
from envmgr.kit.frozen import frozen
from envmgr.kit.thread_pool import map_parallel
from envmgr.lockformat.model import EMPTY
from envmgr.resolve import active, canonical_names, known_tools, lock_update
from envmgr.versions.restyle import newest_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.kit.platform import Platform
    from envmgr.project.request import Request
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context

_RELEASE_KINDS = frozenset({"version", "tag"})


@frozen
class VersionStatus:
    """The version of a request, and the newest ones that this request, and that any request, allows.

    `version` is locked, else installed; None without one. `allowed` and `newest` are None if upstream has no release
    that matches.
    """

    request: Request
    spec: str
    version: str | None
    installed: bool
    allowed: str | None
    newest: str | None

    @property
    def tool(self) -> str:
        """Return the tool's name."""
        return self.request.tool

    @property
    def has_upgrade(self) -> bool:
        """Return whether the request allows a newer version."""
        return _is_newer(self.allowed, self.version)

    @property
    def has_newer(self) -> bool:
        """Return whether upstream has a newer version, whatever the request allows."""
        return self.has_upgrade or _is_newer(self.newest, self.version)


def check_versions(context: Context, tools: Sequence[str] = ()) -> tuple[VersionStatus, ...]:
    """Return the status of requested tools; raise ProjectError for a named one that is not requested."""
    requests = _requests(context, tools)
    known_tools.require_known(context, requests)
    canonical_names.require_canonical(context, requests)
    active_versions = [item for request in requests for item in active.resolve_request(context, request)]
    releases = [item for item in active_versions if versions.classify(item.spec)[0] in _RELEASE_KINDS]
    return tuple(map_parallel(lambda item: _status(context, item), releases, lock_update.WORKERS))


def _requests(context: Context, tools: Sequence[str]) -> list[Request]:
    requests = {
        request.tool: request for request in context.project.requests(known_tools=store.tools(context.paths))
    }
    names = dict.fromkeys(_requested_name(context, tool, requests) for tool in tools)
    return [requests[name] for name in (names or requests)]


def _requested_name(context: Context, tool: str, names: Iterable[str]) -> str:
    """Return the requested tool that a user means by a name, an alias or a short name."""
    requested = list(names)
    name = canonical_names.name_among(context, tool, requested)
    if name is None:
        listing = f"requested are {', '.join(sorted(requested))}" if requested else "no tool is requested"
        raise ProjectError(f"{tool} is not requested here: {listing}", f"run `envmgr use {tool}`")
    return name


def _status(context: Context, active_version: ActiveVersion) -> VersionStatus:
    tool, version = active_version.tool, active_version.version
    platforms = platforms_of(context, active_version.request)
    context.progress.step(f"{tool} {active_version.spec}", "looking for newer versions")
    allowed = _newest(context, tool, active_version.spec, platforms)
    reference = allowed or version
    variants = context.catalog.manifest(tool).variants
    newest = _newest(context, tool, newest_spec(reference, variants) if reference else "latest", platforms)
    context.progress.done(f"{tool} {active_version.spec}", "checked")
    is_installed = active_version.installed is not None
    return VersionStatus(
        active_version.request, active_version.spec, version, is_installed, allowed, newest or allowed
    )


def platforms_of(context: Context, request: Request) -> tuple[Platform, ...]:
    """Return the platforms that a version of a request must support: those of its lock."""
    path = context.project.lock_of(request)
    if path is None:
        return (context.platform,)
    return lock_update.platforms_for(context, context.locks.lock(path) or EMPTY)


def _newest(context: Context, tool: str, spec: str, platforms: Sequence[Platform]) -> str | None:
    try:
        return lock_update.newest_release(context, tool, spec, platforms).version
    except NoMatchingVersion:
        return None


def _is_newer(version: str | None, current: str | None) -> bool:
    if version is None or version == current:
        return False
    return current is None or versions.compare_build(version, current) > 0
