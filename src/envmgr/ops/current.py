"""`current`: the active version of each tool."""

from __future__ import annotations

from envmgr.kit.frozen import frozen
from envmgr.resolve import active

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


@frozen
class Current:
    """The active tools of a directory."""

    tools: tuple[ActiveVersion, ...]


def current(context: Context, tool: str | None = None) -> Current:
    """Return the active versions, of one tool or all.

    Raise UnknownTool for an unknown tool, NoVersionSet for one without a request.
    """
    active_versions = active.resolve(context)
    if tool is None:
        return Current(active_versions)
    return Current(_of_tool(tool, active_versions) or _of_other_name(context, tool, active_versions))


def _of_tool(tool: str, active_versions: Iterable[ActiveVersion]) -> tuple[ActiveVersion, ...]:
    return tuple(active_version for active_version in active_versions if active_version.tool == tool)


def _of_other_name(
    context: Context, tool: str, active_versions: Sequence[ActiveVersion]
) -> tuple[ActiveVersion, ...]:
    """Return the active versions of a tool by an alias or a short name."""
    from envmgr.resolve.canonical_names import require_in_use_or_known

    name = require_in_use_or_known(context, tool)
    chosen = _of_tool(name, active_versions)
    if not chosen:
        raise _not_requested(context, name, active_versions)
    return chosen


def _not_requested(context: Context, tool: str, requested: Sequence[ActiveVersion]) -> Exception:
    from envmgr.kit.errors import NoVersionSet
    from envmgr.kit.suggest import closest
    from envmgr.resolve.system_programs import describe_fallthrough

    suggestions = closest(tool, [active_version.tool for active_version in requested])
    hint = f"did you mean {' or '.join(suggestions)}?" if suggestions else f"run `envmgr use {tool} latest`"
    return NoVersionSet(f"no version of {tool} is set here{describe_fallthrough(context, tool)}", hint)
