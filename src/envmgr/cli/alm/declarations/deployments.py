"""Declarations of `envmgr alm deployments …`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import (
    TARGET_STATUSES,
    AppFilter,
    EnvironmentFilter,
    Limit,
    Reason,
    Status,
)
from envmgr.cli.declarations.number_checks import check_minimum
from envmgr.cli.options import options_of

app = typer.Typer()

Deployment = Annotated[
    int, typer.Argument(metavar="ID", callback=check_minimum(1), help="A deployment's ID.")
]


@app.command("list", epilog="Example: envmgr alm deployments list --app shop --env prod")
def list_(
    ctx: typer.Context,
    app: AppFilter = None,
    environment: EnvironmentFilter = None,
    status: Annotated[
        Status | None, typer.Option("--status", metavar="STATUS", help="Filter by status.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", metavar="WHO", help="Filter by requester.")] = None,
    limit: Limit = 50,
) -> int:
    """List deployments, newest first."""
    from envmgr.cli.alm.commands import deployments as command
    from envmgr.ops.alm.deployments import Filter

    return command.run_list(options_of(ctx), Filter(app, environment, status, actor), limit)


@app.command(epilog="Example: envmgr alm deployments show 9")
def show(ctx: typer.Context, deployment: Deployment) -> int:
    """Show a deployment and its history."""
    from envmgr.cli.alm.commands import deployments as command

    return command.run_show(options_of(ctx), deployment)


@app.command(epilog="Example: envmgr alm deployments update 9 --status successful")
def update(
    ctx: typer.Context,
    deployment: Deployment,
    status: Annotated[
        Status, typer.Option("--status", metavar="STATUS", help=f"New status: {TARGET_STATUSES}.")
    ],
    reason: Reason = "",
) -> int:
    """Change a deployment's status; passes through in_progress."""
    from envmgr.cli.alm.commands import deployments as command

    return command.run_update(options_of(ctx), deployment, status, reason)
