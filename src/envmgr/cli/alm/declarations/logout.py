"""Declaration of `envmgr alm logout`."""

from __future__ import annotations

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm logout")
def logout(ctx: typer.Context) -> int:
    """Sign out: revoke the session and delete credentials."""
    from envmgr.cli.alm.commands import logout as command

    return command.run(options_of(ctx))
