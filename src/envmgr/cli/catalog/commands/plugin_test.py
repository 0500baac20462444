"""`envmgr plugin test`: a tool installed in a scratch directory and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.ops.catalog.plugin_test import check_plugin
from envmgr.resolve.tool_specs import parse

if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options, text: str) -> int:
    """Install a tool in a scratch directory, run its check command and print what it printed."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        result = check_plugin(context, parse(text))
    if not result.check:
        print_status(options, "the manifest has no `check`: only the installation was tested")
    return print_outcome(
        options,
        "plugin-test",
        lambda: {
            "tool": result.tool,
            "version": result.version,
            "platform": result.platform,
            "url": result.outcome.url,
            "sha256": result.outcome.sha256,
            "commands": [*result.commands],
            "check": [*result.check] or None,
            "output": result.output,
        },
        lambda _style, _width: [
            f"{result.tool} {result.version} works on {result.platform}: {', '.join(result.commands)}",
            *(f"  {line}" for line in result.output.splitlines()),
        ],
    )
