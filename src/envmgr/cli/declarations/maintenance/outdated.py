"""Declaration of `envmgr outdated`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.declarations.params import RequestedTools
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr outdated --latest")
def outdated(
    ctx: typer.Context,
    tools: RequestedTools = None,
    latest: Annotated[
        bool, typer.Option("--latest", help="Show versions that the requests exclude, too.")
    ] = False,
) -> int:
    """Show newer versions of the project's tools.

    Compares the locked, or else installed, version with the newest that the request allows, and the newest of all.
    """
    from envmgr.cli.commands.maintenance import outdated as command

    return command.run(options_of(ctx), tools or [], latest=latest)
