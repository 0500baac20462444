"""`envmgr where`: the directory a tool is installed in."""

from __future__ import annotations

from envmgr.cli.console import open_context, print_result
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
    """Return the directory of a tool, which may be named by an alias or a short name."""
    if context.project.request(requested.tool):
        return where(context, requested)
    from envmgr.resolve.canonical_names import require_in_use_or_known

    name = require_in_use_or_known(context, requested.tool)
    return where(context, build_tool_spec(name, requested.spec))
