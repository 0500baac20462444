"""Declaration of `envmgr alm status`."""

from __future__ import annotations

import typer

from envmgr.cli.alm.declarations.params import AppFilter, EnvironmentFilter
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm status --env prod")
def status(ctx: typer.Context, environment: EnvironmentFilter = None, app: AppFilter = None) -> int:
    """Show the deployment matrix."""
    from envmgr.cli.alm.commands import status as command

    return command.run(options_of(ctx), environment, app)
