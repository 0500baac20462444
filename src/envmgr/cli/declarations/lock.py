"""Declaration of `envmgr lock`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of
from envmgr.kit.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example: envmgr lock --platform linux-arm64")
def lock(
    ctx: typer.Context,
    tools: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOOL...]",
            help="Re-resolve these tools.",
            autocompletion=completers.complete_project_tool,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 and show a diff if the lock is out of date.")
    ] = False,
    platform: Annotated[
        list[str] | None,
        typer.Option("--platform", metavar="PLATFORM", help="Also lock for this platform (repeatable)."),
    ] = None,
) -> int:
    """Write .envmgr.lock for all platforms, install nothing.

    Locked versions that still match stay; named tools are re-resolved, to the newest release
    for this machine and the platforms of the setting lock_platforms.
    """
    from envmgr.cli.commands import lock as command

    if check and (tools or platform):
        raise UsageError("--check takes no tools or platforms", "run `envmgr lock --check`")
    if check:
        return command.run_check(options_of(ctx))
    return command.run(options_of(ctx), tools or [], platform or [])
