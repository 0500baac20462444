"""Declarations of `envmgr cache …`."""

from __future__ import annotations

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command("dir", epilog="Example: envmgr cache dir")
def dir_(ctx: typer.Context) -> int:
    """Print the cache directory."""
    from envmgr.cli.commands import cache as command

    return command.run_dir(options_of(ctx))


@app.command("list", epilog="Example: envmgr cache list")
def list_(ctx: typer.Context) -> int:
    """List cached files."""
    from envmgr.cli.commands import cache as command

    return command.run_list(options_of(ctx))


@app.command(epilog="Example: envmgr cache clear")
def clear(ctx: typer.Context) -> int:
    """Remove all cached files."""
    from envmgr.cli.commands import cache as command

    return command.run_clear(options_of(ctx))
