"""Declarations of `envmgr exec` and `envmgr x`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.kit.errors import UsageError

app = typer.Typer()


@app.command("exec", epilog="Example: envmgr exec nodejs@20 -- npm test")
def exec_(
    args: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOOL@SPEC...] -- CMD ARGS...",
            help="The tools (default: the project's) and the command.",
            autocompletion=completers.complete_installed,
        ),
    ] = None,
) -> int:
    """Run a command with the project's, or the named, tools."""
    example = "for example: envmgr exec nodejs@20 -- node --version"
    if not args:
        raise UsageError("missing command after --", example)
    raise UsageError(  # envmgr.cli.fast_path runs every command line that has its `--`
        f"exec requires -- between tools and the command: {' '.join(args)}", example
    )


@app.command("x", epilog="Example: envmgr x pypi:ruff check")
def x(
    args: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TOOL... [-- CMD] ARGS...",
            help="The tools, and the command (default: TOOL's own).",
            autocompletion=completers.complete_available,
        ),
    ] = None,
) -> int:
    """Run a command of tools that are installed if missing."""
    raise UsageError(  # envmgr.cli.fast_path runs every command line that names a tool
        f"unexpected option {args[0]}" if args else "missing tool", "for example: envmgr x pypi:ruff check"
    )
