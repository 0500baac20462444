"""Declaration of `envmgr alm flush`."""

from __future__ import annotations

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm flush")
def flush(ctx: typer.Context) -> int:
    """Deliver queued pushes, oldest first."""
    from envmgr.cli.alm.commands import flush as command

    return command.run(options_of(ctx))
