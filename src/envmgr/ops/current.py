"""`current`: the active version of each tool."""

from __future__ import annotations

from envmgr.kit.frozen import frozen
from envmgr.resolve import active

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


@frozen
class Current:
    """The active tools of a directory."""

    tools: tuple[ActiveVersion, ...]


def current(context: Context, tool: str | None = None) -> Current:
    """Return the active versions, of one tool or all; raise NoVersionSet for a tool without a request."""
    active_versions = active.resolve(context)
    chosen = tuple(
        active_version for active_version in active_versions if tool in {None, active_version.tool}
    )
    if tool and not chosen:
        raise _not_requested(tool, active_versions)
    return Current(chosen)


def _not_requested(tool: str, requested: tuple[ActiveVersion, ...]) -> Exception:
    from envmgr.kit.errors import NoVersionSet
    from envmgr.kit.suggest import closest

    suggestions = closest(tool, [active_version.tool for active_version in requested])
    hint = f"did you mean {' or '.join(suggestions)}?" if suggestions else f"run `envmgr use {tool} latest`"
    return NoVersionSet(f"no version of {tool} is set here", hint)
