"""Declaration of `envmgr alm whoami`."""

from __future__ import annotations

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm whoami --json")
def whoami(ctx: typer.Context) -> int:
    """Show the signed-in user and its permissions."""
    from envmgr.cli.alm.commands import whoami as command

    return command.run(options_of(ctx))
