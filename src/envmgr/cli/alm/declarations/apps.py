"""Declarations of `envmgr alm apps …`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import App, Limit
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command("list", epilog="Example: envmgr alm apps list")
def list_(ctx: typer.Context, limit: Limit = 0) -> int:
    """List apps by name."""
    from envmgr.cli.alm.commands import apps as command

    return command.run_list(options_of(ctx), limit)


@app.command(epilog="Example: envmgr alm apps show shop")
def show(ctx: typer.Context, app: App) -> int:
    """Show an app, its placements and latest versions."""
    from envmgr.cli.alm.commands import apps as command

    return command.run_show(options_of(ctx), app)


@app.command(epilog="Example: envmgr alm apps create shop --description 'The shop'")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="App name: letters, digits, . _ and -.")],
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="Description.")] = "",
    version: Annotated[
        str | None, typer.Option("--version", metavar="TAG", help="Also register this version.")
    ] = None,
) -> int:
    """Register an app; `push` does so on first use."""
    from envmgr.cli.alm.commands import apps as command

    return command.run_create(options_of(ctx), name, description, version)


@app.command(epilog="Example: envmgr alm apps update shop --name store")
def update(
    ctx: typer.Context,
    app: App,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="New name.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="New description.")
    ] = None,
) -> int:
    """Update an app's name or description."""
    from envmgr.cli.alm.commands import apps as command

    return command.run_update(options_of(ctx), app, name, description)


@app.command(epilog="Example: envmgr alm apps delete shop")
def delete(
    ctx: typer.Context,
    app: App,
    force: Annotated[bool, typer.Option("--force", help="Delete even if deployed.")] = False,
) -> int:
    """Delete an app, after confirmation."""
    from envmgr.cli.alm.commands import apps as command

    return command.run_delete(options_of(ctx), app, force=force)
