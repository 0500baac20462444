"""Declaration of `envmgr prune`."""

from __future__ import annotations

import typer

from envmgr.cli.declarations.params import DryRun
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr prune --dry-run")
def prune(ctx: typer.Context, dry_run: DryRun = False) -> int:
    """Remove versions that no known project needs.

    A project is known once envmgr has installed, locked or run its tools. Asks first; without a terminal, --yes is
    required.
    """
    from envmgr.cli.commands.maintenance import prune as command

    return command.run(options_of(ctx), dry_run=dry_run)
