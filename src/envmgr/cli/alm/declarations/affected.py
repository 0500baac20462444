"""Declaration of `envmgr alm affected`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import EnvironmentFilter
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm affected nodejs '<20.11.1' --env prod")
def affected(
    ctx: typer.Context,
    args: Annotated[
        list[str],
        typer.Argument(metavar="TOOL RANGE", help="A tool and a version range: nodejs '<20.11.1'."),
    ],
    environment: EnvironmentFilter = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if a version matches.")] = False,
) -> int:
    """Find deployed versions affected by a tool version.

    Versions that cannot be compared, and those without a lock, are listed separately.
    """
    from envmgr.cli.alm.commands import affected as command

    return command.run(options_of(ctx), args, environment, exit_code=exit_code)
