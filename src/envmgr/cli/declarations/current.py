"""Declaration of `envmgr current`."""

from __future__ import annotations

import typer

from envmgr.cli.declarations.params import OptionalTool
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr current --json")
def current(ctx: typer.Context, tool: OptionalTool = None) -> int:
    """Show the active version of each tool and its source."""
    from envmgr.cli.commands import current as command

    return command.run(options_of(ctx), tool)
