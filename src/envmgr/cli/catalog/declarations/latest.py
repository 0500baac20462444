"""Declaration of `envmgr latest`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of
from envmgr.kit.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example: envmgr latest nodejs@20")
def latest(
    ctx: typer.Context,
    tool: Annotated[
        list[str],
        typer.Argument(
            metavar="TOOL[@SPEC]",
            help="A tool; SPEC may be an argument of its own.",
            autocompletion=completers.complete_tool_then_version,
        ),
    ],
    installed: Annotated[bool, typer.Option("--installed", help="Search installed versions only.")] = False,
) -> int:
    """Print the newest version that a spec allows."""
    from envmgr.cli.catalog.commands import latest as command

    if len(tool) > 2:  # noqa: PLR2004 - TOOL SPEC
        raise UsageError("expected one tool", "for example: envmgr latest nodejs@20")
    run = command.run_installed if installed else command.run
    return run(options_of(ctx), tool)
