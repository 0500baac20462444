"""Declaration of `envmgr search`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr search java")
def search(
    ctx: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT...]",
            help="Words of a name or description (default: all tools).",
            autocompletion=completers.complete_tool,
        ),
    ] = None,
) -> int:
    """Find tools with a manifest by name or description."""
    from envmgr.cli.catalog.commands import search as command

    return command.run(options_of(ctx), text or [])
