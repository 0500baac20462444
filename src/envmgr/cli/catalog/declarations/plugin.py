"""Declarations of `envmgr plugin …`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.declarations.params import Tool
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr plugin add nodejs ./nodejs.json")
def add(
    ctx: typer.Context,
    args: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME SOURCE...",
            help="Its name, and where it comes from.",
            autocompletion=completers.complete_file,
        ),
    ],
    trust: Annotated[bool, typer.Option("--trust", help="Trust its install script.")] = False,
    project: Annotated[
        bool, typer.Option("--project", help="Add it to the project (.envmgr.plugins).")
    ] = False,
) -> int:
    """Add a manifest from a path or URL, or from its parts.

    SOURCE is a path or a URL, or the parts: VERSIONS_URL BIN_TEMPLATE [DOWNLOAD_TEMPLATE].
    """
    from envmgr.cli.catalog.commands import plugin as command

    return command.run_add(options_of(ctx), args, trust=trust, project=project)


@app.command("list", epilog="Example: envmgr plugin list")
def list_(ctx: typer.Context) -> int:
    """List all tools that have a manifest."""
    from envmgr.cli.catalog.commands import plugin as command

    return command.run_list(options_of(ctx))


@app.command(epilog="Example: envmgr plugin show nodejs")
def show(ctx: typer.Context, name: Tool) -> int:
    """Print a manifest."""
    from envmgr.cli.catalog.commands import plugin as command

    return command.run_show(options_of(ctx), name)


@app.command(epilog="Example: envmgr plugin remove nodejs")
def remove(
    ctx: typer.Context,
    name: Tool,
    project: Annotated[
        bool, typer.Option("--project", help="Remove it from the project (.envmgr.plugins).")
    ] = False,
) -> int:
    """Remove a manifest you added."""
    from envmgr.cli.catalog.commands import plugin as command

    return command.run_remove(options_of(ctx), name, project=project)


@app.command(epilog="Example: envmgr plugin lint ./nodejs.json")
def lint(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(metavar="FILE_OR_NAME", help="A manifest.", autocompletion=completers.complete_file),
    ],
) -> int:
    """Report all issues of a manifest, each with its JSON path."""
    from envmgr.cli.catalog.commands import plugin as command

    return command.run_lint(options_of(ctx), target)
