"""Declaration of `envmgr use`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr use nodejs ^20")
def use(
    ctx: typer.Context,
    tool: Annotated[
        list[str],
        typer.Argument(
            metavar="TOOL SPEC",
            help="A tool and its version.",
            autocompletion=completers.complete_tool_then_version,
        ),
    ],
    everywhere: Annotated[bool, typer.Option("--global", "-g", help="Set it globally.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Pin the exact version.")] = False,
) -> int:
    """Set a version in .envmgr; install and lock it.

    Other lines and comments of the file stay as they are.
    """
    from envmgr.cli.commands import use as command

    return command.run(options_of(ctx), tool, everywhere=everywhere, pin=pin)
