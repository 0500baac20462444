"""Declarations of `envmgr plugin …`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.declarations.params import DryRun, Tool
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


@app.command(epilog="Example: envmgr plugin update --dry-run")
def update(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME...]",
            help="Manifests (default: all that have a source).",
            autocompletion=completers.complete_plugin_with_source,
        ),
    ] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Trust changed install scripts.")] = False,
    project: Annotated[
        bool, typer.Option("--project", help="Update those of the project (.envmgr.plugins).")
    ] = False,
    dry_run: DryRun = False,
) -> int:
    """Read added manifests again from their sources."""
    from envmgr.cli.catalog.commands import plugin_update as command

    return command.run(options_of(ctx), names or [], trust=trust, project=project, dry_run=dry_run)


@app.command(epilog="Example: envmgr plugin trust nodejs")
def trust(
    ctx: typer.Context,
    name: Tool,
    revoke: Annotated[bool, typer.Option("--revoke", help="Stop trusting it.")] = False,
) -> int:
    """Allow a manifest's install script to run."""
    from envmgr.cli.catalog.commands import plugin_trust as command

    return command.run(options_of(ctx), name, revoke=revoke)


@app.command("test", epilog="Example: envmgr plugin test nodejs")
def test_(
    ctx: typer.Context,
    tool: Annotated[
        str,
        typer.Argument(
            metavar="TOOL[@SPEC]",
            help="A tool (default: newest version).",
            autocompletion=completers.complete_available,
        ),
    ],
) -> int:
    """Install a tool in a scratch directory and check it."""
    from envmgr.cli.catalog.commands import plugin_test as command

    return command.run(options_of(ctx), tool)
