"""`envmgr where`: the directory a tool is installed in."""

from __future__ import annotations

from envmgr.cli.console import open_context, print_result
from envmgr.kit.errors import NotInstalled, NoVersionSet
from envmgr.ops.where import where
from envmgr.resolve.tool_specs import build_tool_spec, from_two_args, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.ops.where import ToolLocation
    from envmgr.resolve.context import Context
    from envmgr.resolve.tool_specs import ToolSpec


def run(options: Options, args: Sequence[str]) -> int:
    """Print the directory of TOOL, TOOL@SPEC or TOOL SPEC."""
    requested = from_two_args(args[0], args[1]) if len(args) > 1 else parse(args[0])
    location = _locate(open_context(options), requested)
    return print_result(
        options,
        "where",
        lambda: {"tool": location.tool, "version": location.version, "path": location.path},
        lambda _style, _width: [location.path],
    )


def _locate(context: Context, requested: ToolSpec) -> ToolLocation:
    """Return the directory of a tool, which may be named by an alias."""
    try:
        return where(context, requested)
    except (NoVersionSet, NotInstalled):
        name = requested.tool if context.project.request(requested.tool) else _name(context, requested.tool)
        if name == requested.tool:
            raise
        return where(context, build_tool_spec(name, requested.spec))


def _name(context: Context, tool: str) -> str:
    from envmgr.resolve.canonical_names import require_installed_or_known

    return require_installed_or_known(context, tool)
