"""Declaration of `envmgr alm deploy`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import TARGET_STATUSES, Reason, Status, Version
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm deploy shop@1.4.0 --env prod --status successful")
def deploy(
    ctx: typer.Context,
    *,
    version: Version,
    environment: Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="Target environment.")],
    status: Annotated[
        Status | None,
        typer.Option("--status", metavar="STATUS", help=f"Set this status immediately: {TARGET_STATUSES}."),
    ] = None,
    reason: Reason = "",
    new_env: Annotated[
        bool,
        typer.Option("--new-env", help="Create the environment even if one differs only in case."),
    ] = False,
) -> int:
    """Record a deployment of a version to an environment.

    APP:ENV is the version deployed in ENV: `deploy shop:staging --env prod` promotes it.
    """
    from envmgr.cli.alm.commands import deploy as command

    return command.run(options_of(ctx), version, command.DeployOptions(environment, status, reason, new_env))
