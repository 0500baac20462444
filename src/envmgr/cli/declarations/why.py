"""Declaration of `envmgr why`."""

from __future__ import annotations

import typer

from envmgr.cli.declarations.params import Tool
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr why nodejs")
def why(ctx: typer.Context, tool: Tool) -> int:
    """Explain how a tool's version was resolved.

    Shows all version sources by precedence, the lock, matching versions, and rejected ones with reasons.
    """
    from envmgr.cli.commands import why as command

    return command.run(options_of(ctx), tool)
