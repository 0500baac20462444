"""`list`: installed versions, and releases upstream."""

from __future__ import annotations

from envmgr import versions
from envmgr.install import store
from envmgr.kit.frozen import frozen
from envmgr.resolve import active

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.catalog.release import Release
    from envmgr.install.store import Installed
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


@frozen
class Row:
    """An installed version, and the request that makes it active, if any."""

    installed: Installed
    active: ActiveVersion | None


@frozen
class RemoteRow:
    """A release, and whether it is installed and active here."""

    release: Release
    installed: bool
    active: bool


@frozen
class Remote:
    """The releases of a tool, newest last."""

    tool: str
    rows: tuple[RemoteRow, ...]


def list_installed(context: Context, tool: str | None = None) -> tuple[Row, ...]:
    """Return the installed versions of one tool or all, oldest first within a tool."""
    tools = [_name(context, tool)] if tool else sorted(store.tools(context.paths))
    chosen = {
        (active_version.tool, active_version.version): active_version
        for active_version in reversed(active.resolve(context))
    }
    return tuple(
        Row(result, chosen.get((name, version)))
        for name in tools
        for version in versions.sort(store.versions(context.paths, name))
        if (result := store.get(context.paths, name, version))
    )


def _name(context: Context, tool: str) -> str:
    from envmgr.resolve.canonical_names import require_in_use_or_known

    return require_in_use_or_known(context, tool)


def remote(context: Context, tool: str, spec: str | None = None) -> Remote:
    """Return the releases that match a spec, or all; raise NoMatchingVersion if none does."""
    installed_versions = {*store.versions(context.paths, tool)}
    active_versions = {
        active_version.version for active_version in active.resolve(context) if active_version.tool == tool
    }
    return Remote(
        tool,
        tuple(
            RemoteRow(release, release.version in installed_versions, release.version in active_versions)
            for release in _releases(context, tool, spec)
        ),
    )


def _releases(context: Context, tool: str, spec: str | None) -> tuple[Release, ...]:
    listing = context.catalog.listing(tool)
    if spec is None:
        return listing.releases
    from envmgr.resolve.select_release import evaluate, select_version

    candidates = evaluate(context, tool, spec).selection.candidates
    matching = {*candidates} or {
        select_version(context, tool, spec)
    }  # raises NoMatchingVersion with suggestions
    return tuple(release for release in listing.releases if release.version in matching)
