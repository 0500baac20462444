"""Declaration of `envmgr where`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of
from envmgr.kit.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example: envmgr where nodejs@20")
def where(
    ctx: typer.Context,
    tool: Annotated[
        list[str],
        typer.Argument(metavar="TOOL[@SPEC]", help="A tool.", autocompletion=completers.complete_installed),
    ],
) -> int:
    """Print the directory a tool is installed in."""
    from envmgr.cli.commands import where as command

    if len(tool) > 2:  # noqa: PLR2004 - TOOL SPEC
        raise UsageError("expected one tool", "for example: envmgr where nodejs@20")
    return command.run(options_of(ctx), tool)
