"""`envmgr where`: the directory a tool is installed in."""

from __future__ import annotations

from envmgr.cli.session import open_context, show
from envmgr.ops.tools import ToolSpec, parse
from envmgr.ops.where import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options


def run(options: Options, words: Sequence[str]) -> int:
    """Print the directory of TOOL, TOOL@SPEC or TOOL SPEC."""
    item = ToolSpec(words[0], words[1]) if len(words) > 1 else parse(words[0])
    place = where(open_context(options), item)
    return show(
        options,
        "where",
        lambda: {"tool": place.tool, "version": place.version, "path": place.path},
        lambda _style, _width: [place.path],
    )
