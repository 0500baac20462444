"""Declaration of `envmgr use`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr use nodejs@^20 python@3.12")
def use(
    ctx: typer.Context,
    tool: Annotated[
        list[str],
        typer.Argument(
            metavar="TOOL[@SPEC]...",
            help="Tools and their versions (default: latest).",
            autocompletion=completers.complete_available,
        ),
    ],
    everywhere: Annotated[bool, typer.Option("--global", "-g", help="Set them globally.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Pin the exact versions.")] = False,
) -> int:
    """Set versions in .envmgr; install and lock them.

    Other lines and comments of the file stay as they are.
    """
    from envmgr.cli.commands import use as command

    return command.run(options_of(ctx), tool, everywhere=everywhere, pin=pin)
