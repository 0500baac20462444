"""Declaration of `envmgr which`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr which node")
def which(
    ctx: typer.Context,
    command: Annotated[
        str, typer.Argument(metavar="CMD", help="A command.", autocompletion=completers.complete_command)
    ],
) -> int:
    """Print the path of the executable for a command.

    Where no file requests a tool that has it, that is the next program on PATH (setting `fallthrough`).
    """
    from envmgr.cli.commands import which as module

    return module.run(options_of(ctx), command)
