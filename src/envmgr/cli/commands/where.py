"""`envmgr where`: the directory a tool is installed in."""

from __future__ import annotations

from envmgr.cli.console import open_context, print_result
from envmgr.kit.errors import NotInstalled, NoVersionSet
from envmgr.ops.where import where
from envmgr.resolve.canonical_names import require_installed_or_known
from envmgr.resolve.tool_specs import build_tool_spec, from_two_args, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options


def run(options: Options, args: Sequence[str]) -> int:
    """Print the directory of TOOL, TOOL@SPEC or TOOL SPEC."""
    requested = from_two_args(args[0], args[1]) if len(args) > 1 else parse(args[0])
    context = open_context(options)
    try:
        location = where(context, requested)
    except (NoVersionSet, NotInstalled):
        name = (
            requested.tool
            if context.project.request(requested.tool)
            else require_installed_or_known(context, requested.tool)
        )
        if name == requested.tool:
            raise
        location = where(context, build_tool_spec(name, requested.spec))
    return print_result(
        options,
        "where",
        lambda: {"tool": location.tool, "version": location.version, "path": location.path},
        lambda _style, _width: [location.path],
    )
