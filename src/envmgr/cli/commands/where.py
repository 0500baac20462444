"""`envmgr where`: the directory a tool is installed in."""

from __future__ import annotations

from envmgr.cli.console import open_context, print_result
from envmgr.kit.errors import NotInstalled, NoVersionSet
from envmgr.ops.list_tools import named
from envmgr.ops.where import where
from envmgr.resolve.tool_specs import build_tool_spec, from_two_args, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options


def run(options: Options, words: Sequence[str]) -> int:
    """Print the directory of TOOL, TOOL@SPEC or TOOL SPEC."""
    item = from_two_args(words[0], words[1]) if len(words) > 1 else parse(words[0])
    context = open_context(options)
    try:
        place = where(context, item)
    except (NoVersionSet, NotInstalled):
        name = item.tool if context.project.request(item.tool) else named(context, item.tool)
        if name == item.tool:
            raise
        place = where(context, build_tool_spec(name, item.spec))
    return print_result(
        options,
        "where",
        lambda: {"tool": place.tool, "version": place.version, "path": place.path},
        lambda _style, _width: [place.path],
    )
