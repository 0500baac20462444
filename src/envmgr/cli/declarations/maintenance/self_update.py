"""Declaration of `envmgr self-update`."""

from __future__ import annotations

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command("self-update", epilog="Example: envmgr self-update")
def self_update(ctx: typer.Context) -> int:
    """Print the commands that update envmgr."""
    from envmgr.cli.commands.maintenance import self_update as command

    return command.run(options_of(ctx))
