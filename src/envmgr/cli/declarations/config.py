"""Declarations of `envmgr config …`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()

Setting = Annotated[
    str, typer.Argument(metavar="NAME", help="A setting.", autocompletion=completers.complete_setting)
]
Value = Annotated[str, typer.Argument(metavar="VALUE", help="Its new value.")]


@app.command("list", epilog="Example: envmgr config list")
def list_(ctx: typer.Context) -> int:
    """List all settings with value and origin."""
    from envmgr.cli.commands import config as command

    return command.run_list(options_of(ctx))


@app.command(epilog="Example: envmgr config get jobs")
def get(ctx: typer.Context, name: Setting) -> int:
    """Print a setting's value."""
    from envmgr.cli.commands import config as command

    return command.run_get(options_of(ctx), name)


@app.command("set", epilog="Example: envmgr config set minimum_release_age 7d")
def set_setting(ctx: typer.Context, name: Setting, value: Value) -> int:
    """Set a setting's value."""
    from envmgr.cli.commands import config as command

    return command.run_set(options_of(ctx), name, value)


@app.command(epilog="Example: envmgr config unset jobs")
def unset(ctx: typer.Context, name: Setting) -> int:
    """Remove a setting from the file."""
    from envmgr.cli.commands import config as command

    return command.run_unset(options_of(ctx), name)


@app.command(epilog="Example: envmgr config path")
def path(ctx: typer.Context) -> int:
    """Print the path of the settings file."""
    from envmgr.cli.commands import config as command

    return command.run_path(options_of(ctx))
