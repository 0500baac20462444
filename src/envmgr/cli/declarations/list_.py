"""Declaration of `envmgr list`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of
from envmgr.kit.errors import UsageError

app = typer.Typer()


@app.command("list", epilog="Example: envmgr list --remote nodejs ^20")
def list_(
    ctx: typer.Context,
    tool: Annotated[
        str | None,
        typer.Argument(
            metavar="TOOL", help="Show only this tool.", autocompletion=completers.complete_tool_then_version
        ),
    ] = None,
    spec: Annotated[
        str | None,
        typer.Argument(
            metavar="SPEC",
            help="With --remote: filter by version.",
            autocompletion=completers.complete_tool_then_version,
        ),
    ] = None,
    remote: Annotated[
        bool, typer.Option("--remote", "-r", help="Show installable versions, newest last.")
    ] = False,
    show_all: Annotated[
        bool, typer.Option("--all", "-a", help="With --remote: show all versions on a terminal.")
    ] = False,
) -> int:
    """List installed versions, or with --remote available ones."""
    from envmgr.cli.commands import list_ as command
    from envmgr.resolve.tool_specs import from_two_args, parse

    if not remote:
        if show_all:
            raise UsageError("--all requires --remote", "for example: envmgr list --remote nodejs --all")
        if spec:
            raise UsageError("SPEC requires --remote", f"run `envmgr list --remote {tool} '{spec}'`")
        return command.run(options_of(ctx), tool)
    if tool is None:
        raise UsageError("--remote requires a tool", "for example: envmgr list --remote nodejs")
    requested = parse(tool) if spec is None else from_two_args(tool, spec)
    return command.run_remote(
        options_of(ctx), requested.tool, requested.spec, limit=None if show_all else command.MAX_RELEASES
    )
