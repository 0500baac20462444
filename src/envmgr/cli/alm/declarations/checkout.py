"""Declaration of `envmgr alm checkout`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm checkout shop:prod && envmgr install --locked")
def checkout(
    ctx: typer.Context,
    version: Annotated[
        list[str],
        typer.Argument(metavar="APP@TAG|APP:ENV|ENV", help="Version or environment."),
    ],
    app: Annotated[
        str | None, typer.Option("--app", metavar="APP", help="With ENV: the app (default: the project's).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that differ.")] = False,
) -> int:
    """Restore a version's .envmgr and .envmgr.lock.

    The digest of the lock is verified before the files are written.
    """
    from envmgr.cli.alm.commands import checkout as command

    return command.run(options_of(ctx), version, app, force=force)
