"""`where`: the directory of an installed tool."""

from __future__ import annotations

from envmgr.install import store
from envmgr.kit.frozen import frozen
from envmgr.resolve import active

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_specs import ToolSpec


@frozen
class ToolLocation:
    """The directory of an installed tool."""

    tool: str
    version: str
    path: str


def where(context: Context, item: ToolSpec) -> ToolLocation:
    """Return the directory of the active version, or of the best installed one for a spec."""
    return _of_spec(context, item.tool, item.spec) if item.spec else _of_active(context, item.tool)


def _of_active(context: Context, tool: str) -> ToolLocation:
    active_version = active.resolve_tool(context, tool)
    if active_version is None:
        installed = store.versions(context.paths, tool)
        hint = (
            f"pass a version: {', '.join(sorted(installed))}"
            if installed
            else f"run `envmgr use {tool} latest`"
        )
        from envmgr.kit.errors import NoVersionSet

        raise NoVersionSet(f"no version of {tool} is set here", hint)
    if active_version.installed and active_version.is_available:
        return ToolLocation(tool, active_version.installed.version, active_version.installed.path)
    if active_version.kind == "path" and active_version.is_available:
        return ToolLocation(tool, active_version.spec, active_version.directory)
    from envmgr.kit.errors import NotInstalled
    from envmgr.resolve.unavailable import not_installed_error

    raise not_installed_error(active_version, NotInstalled)


def _of_spec(context: Context, tool: str, spec: str) -> ToolLocation:
    version = active.best_installed(context, tool, spec)
    installed = store.get(context.paths, tool, version) if version else None
    if installed is None:
        from envmgr.kit.errors import NotInstalled

        raise NotInstalled(
            f"no installed version of {tool} matches {spec}", f"run `envmgr install {tool}@{spec}`"
        )
    return ToolLocation(tool, installed.version, installed.path)
