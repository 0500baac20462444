"""`envmgr unuse`: remove tools from the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import display_path, open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.ops.requests import unuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.ops.requests.unuse import UnuseResult
    from envmgr.resolve.context import Context


def run(options: Options, tools: Sequence[str], *, everywhere: bool) -> int:
    """Remove the requests of tools."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        result = unuse.unuse(context, tools, everywhere=everywhere)
    if result.lock:
        print_status(options, f"wrote {display_path(result.lock, context.environment.cwd)}")
    _note_other_requests(options, context, result)
    file = display_path(result.file, context.environment.cwd)
    return print_outcome(
        options,
        "unuse",
        lambda: _to_json(result),
        lambda style, _: [
            f"removed {style.paint('bold', entry.tool)}={','.join(entry.specs)} from {file}"
            for entry in result.requests
        ],
    )


def _note_other_requests(options: Options, context: Context, result: UnuseResult) -> None:
    """Print what still requests a removed tool."""
    for entry in result.requests:
        other = context.project.request(entry.tool)
        if other is not None:
            print_status(options, f"{entry.tool} is still requested by {other.origin}")


def _to_json(result: UnuseResult) -> dict[str, object]:
    requests = [{"tool": entry.tool, "request": ",".join(entry.specs)} for entry in result.requests]
    return {"requests": requests, "file": result.file, "lock": result.lock}
