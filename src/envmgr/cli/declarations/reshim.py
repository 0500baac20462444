"""Declaration of `envmgr reshim`."""

from __future__ import annotations

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: npm install --global typescript && envmgr reshim")
def reshim(ctx: typer.Context) -> int:
    """Rewrite all shims, atomically."""
    from envmgr.cli.commands import reshim as command

    return command.run(options_of(ctx))
