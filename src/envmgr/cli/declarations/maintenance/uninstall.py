"""Declaration of `envmgr uninstall`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.declarations.params import DryRun
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr uninstall nodejs@20.1.0")
def uninstall(
    ctx: typer.Context,
    tools: Annotated[
        list[str],
        typer.Argument(
            metavar="TOOL[@SPEC]...",
            help="Installed versions (default: all of a tool).",
            autocompletion=completers.complete_installed,
        ),
    ],
    dry_run: DryRun = False,
) -> int:
    """Remove installed versions.

    If TOOL or SPEC matches several versions, they are removed after a question; without a terminal, --yes is required.
    An exact version or a single match is removed at once.
    """
    from envmgr.cli.commands.maintenance import uninstall as command

    return command.run(options_of(ctx), tools, dry_run=dry_run)
