"""Declarations of `envmgr alm versions …`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import AppFilter, Limit, Version
from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command("list", epilog="Example: envmgr alm versions list --app shop")
def list_(
    ctx: typer.Context,
    app: AppFilter = None,
    commit: Annotated[str | None, typer.Option("--commit", metavar="SHA", help="Filter by commit.")] = None,
    lock: Annotated[
        str | None, typer.Option("--lock", metavar="DIGEST", help="Filter by lock digest.")
    ] = None,
    limit: Limit = 50,
) -> int:
    """List versions, newest first."""
    from envmgr.cli.alm.commands import versions as command
    from envmgr.ops.alm.versions import Filter

    return command.run_list(options_of(ctx), Filter(app, commit, lock), limit)


@app.command(epilog="Example: envmgr alm versions show shop@1.4.0")
def show(ctx: typer.Context, version: Version) -> int:
    """Show a version: commit, build, tools and artifacts."""
    from envmgr.cli.alm.commands import versions as command

    return command.run_show(options_of(ctx), version)


@app.command(epilog="Example: envmgr alm versions create shop@1.4.0 --lock .envmgr.lock --dotfile .envmgr")
def create(  # noqa: PLR0913 - a parameter is an option
    ctx: typer.Context,
    *,
    version: Annotated[
        list[str], typer.Argument(metavar="APP@TAG", help="A new version: APP@TAG or APP TAG.")
    ],
    commit: Annotated[str, typer.Option("--commit", metavar="SHA", help="Commit of the build.")] = "",
    ref: Annotated[str, typer.Option("--ref", metavar="REF", help="Branch of the build.")] = "",
    changelog: Annotated[str, typer.Option("--changelog", metavar="TEXT", help="Changelog text.")] = "",
    artifact: Annotated[
        list[str] | None,
        typer.Option("--artifact", metavar="NAME=DIGEST", help="Artifact (repeatable)."),
    ] = None,
    lock: Annotated[
        str | None,
        typer.Option(
            "--lock",
            metavar="FILE",
            help="The build's .envmgr.lock.",
            autocompletion=completers.complete_file,
        ),
    ] = None,
    dotfile: Annotated[
        str | None,
        typer.Option(
            "--dotfile",
            metavar="FILE",
            help="The .envmgr of that lock.",
            autocompletion=completers.complete_file,
        ),
    ] = None,
) -> int:
    """Register a version by hand, without the defaults of `push`."""
    from envmgr.cli.alm.commands import versions as command

    version_input = command.VersionInput(commit, ref, changelog, tuple(artifact or ()), lock, dotfile)
    return command.run_create(options_of(ctx), version, version_input)


@app.command(epilog="Example: envmgr alm versions update shop@1.4.0 --changelog 'Faster'")
def update(
    ctx: typer.Context,
    version: Version,
    changelog: Annotated[
        str | None, typer.Option("--changelog", metavar="TEXT", help="New changelog text.")
    ] = None,
    ref: Annotated[str | None, typer.Option("--ref", metavar="REF", help="New branch.")] = None,
) -> int:
    """Update a version's changelog or ref."""
    from envmgr.cli.alm.commands import versions as command

    return command.run_update(options_of(ctx), version, changelog, ref)


@app.command(epilog="Example: envmgr alm versions delete shop@1.4.0")
def delete(ctx: typer.Context, version: Version) -> int:
    """Delete a version, after confirmation."""
    from envmgr.cli.alm.commands import versions as command

    return command.run_delete(options_of(ctx), version)
