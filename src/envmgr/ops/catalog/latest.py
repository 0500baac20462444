"""`latest`: the newest version of a tool that a spec allows."""

from __future__ import annotations

from envmgr.install import store
from envmgr.kit.errors import NotInstalled
from envmgr.kit.frozen import frozen
from envmgr.resolve import active, canonical_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.catalog.release import Release
    from envmgr.install.store import Installed
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_specs import ToolSpec

DEFAULT_SPEC = "latest"


@frozen
class Latest:
    """A version, its release if upstream's list was read, and its installation if there is one."""

    tool: str
    spec: str
    version: str
    release: Release | None = None
    installed: Installed | None = None


def latest_release(context: Context, requested: ToolSpec) -> Latest:
    """Return the newest release that a spec allows; raise NoMatchingVersion if none does."""
    from envmgr.resolve.select_release import select_version

    tool = canonical_names.require_name(context, requested.tool)
    spec = requested.spec or DEFAULT_SPEC
    version = select_version(context, tool, spec)
    release = context.catalog.listing(tool).release(version)
    return Latest(tool, spec, version, release, store.get(context.paths, tool, version))


def latest_installed(context: Context, requested: ToolSpec) -> Latest:
    """Return the newest installed version that a spec allows; raise NotInstalled if none does."""
    tool = canonical_names.require_in_use_or_known(context, requested.tool)
    spec = requested.spec or DEFAULT_SPEC
    for version in active.matching_installed(context, tool, spec.removeprefix("tag:")):
        installed = store.get(context.paths, tool, version)
        if installed:
            return Latest(tool, spec, version, installed=installed)
    raise NotInstalled(
        f"no installed version of {tool} matches {spec}", f"run `envmgr install '{tool}@{spec}'`"
    )
