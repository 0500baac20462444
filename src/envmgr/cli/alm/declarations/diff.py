"""Declaration of `envmgr alm diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm diff shop:staging shop:prod")
def diff(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="APP@TAG, APP:ENV, ID or ENV.")],
    after: Annotated[str, typer.Argument(metavar="B", help="APP@TAG, APP:ENV, ID or ENV.")],
    app: Annotated[
        str | None, typer.Option("--app", metavar="APP", help="With two environments: filter by app.")
    ] = None,
) -> int:
    """Compare two versions or two environments.

    Shows commits, tools of the toolchain and artifacts that differ.
    """
    from envmgr.cli.alm.commands import diff as command

    return command.run(options_of(ctx), before, after, app)
