"""Declaration of `envmgr upgrade`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.declarations.params import DryRun, RequestedTools
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr upgrade nodejs --latest")
def upgrade(
    ctx: typer.Context,
    tools: RequestedTools = None,
    latest: Annotated[
        bool, typer.Option("--latest", help="Change requests that exclude the newest version.")
    ] = False,
    dry_run: DryRun = False,
) -> int:
    """Install and lock newer versions of the project's tools.

    Requests change only with --latest, and keep their style: ^20.1 becomes ^22.3, and 20 becomes 22.
    """
    from envmgr.cli.commands.maintenance import upgrade as command

    return command.run(options_of(ctx), tools or [], latest=latest, dry_run=dry_run)
