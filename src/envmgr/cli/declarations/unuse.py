"""Declaration of `envmgr unuse`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr unuse nodejs")
def unuse(
    ctx: typer.Context,
    tools: Annotated[
        list[str],
        typer.Argument(
            metavar="TOOL...", help="Requested tools.", autocompletion=completers.complete_project_tool
        ),
    ],
    everywhere: Annotated[
        bool, typer.Option("--global", "-g", help="Remove them from the global file.")
    ] = False,
) -> int:
    """Remove tools from .envmgr and its lock.

    Other lines and comments of the file stay as they are, and so do installed versions: see `envmgr prune`.
    """
    from envmgr.cli.commands import unuse as command

    return command.run(options_of(ctx), tools, everywhere=everywhere)
