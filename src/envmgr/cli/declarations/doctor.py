"""Declaration of `envmgr doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr doctor --fix")
def doctor(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Fix problems automatically.")] = False,
) -> int:
    """Diagnose problems and suggest fixes.

    Checks PATH, activation, shims, permissions, interrupted and damaged installs, programs that run in place of
    requested tools, manifests and the network.
    """
    from envmgr.cli.commands import doctor as command

    return command.run(options_of(ctx), fix=fix)
