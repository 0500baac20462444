"""Declaration of `envmgr link`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.declarations.params import Tool
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr link nodejs 20.1.0 /opt/node-20.1.0")
def link(
    ctx: typer.Context,
    tool: Tool,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The version that is there.")],
    directory: Annotated[
        str,
        typer.Argument(
            metavar="DIR", help="Directory of the installation.", autocompletion=completers.complete_file
        ),
    ],
) -> int:
    """Use an installation that was made elsewhere.

    The version counts as installed. DIR is never changed: uninstall removes only the link, and install does not replace
    it. Its programs are those in DIR/bin and DIR.
    """
    from envmgr.cli.commands.maintenance import link as command

    return command.run(options_of(ctx), tool, version, directory)
