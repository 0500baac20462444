"""Declaration of `envmgr alm push`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm push --tag v1.4.0 --artifact shop.tar.gz=@dist/shop.tar.gz")
def push(  # noqa: PLR0913, PLR0917 - a parameter is an option
    ctx: typer.Context,
    app: Annotated[
        str | None, typer.Option("--app", metavar="APP", help="App name (default: repository name).")
    ] = None,
    tag: Annotated[
        str | None,
        typer.Option("--tag", metavar="TAG", help="Version tag (default: newest git tag, or commit)."),
    ] = None,
    artifact: Annotated[
        list[str] | None,
        typer.Option(
            "--artifact",
            metavar="NAME=DIGEST",
            help="Artifact as NAME=sha256:… or NAME=@FILE (repeatable).",
        ),
    ] = None,
    changelog: Annotated[
        str | None, typer.Option("--changelog", metavar="TEXT", help="Changelog text, or @FILE.")
    ] = None,
    commit: Annotated[
        str | None, typer.Option("--commit", metavar="SHA", help="Commit (default: from CI or git).")
    ] = None,
    ref: Annotated[
        str | None, typer.Option("--ref", metavar="REF", help="Branch (default: from CI or git).")
    ] = None,
    require_lock: Annotated[
        bool, typer.Option("--require-lock", help="Fail without an up-to-date .envmgr.lock.")
    ] = False,
    spool: Annotated[
        bool, typer.Option("--spool", help="Queue the push on disk if the server is unavailable.")
    ] = False,
) -> int:
    """Register a build with its lock file.

    Registers the app on first use. Pushing twice is idempotent; re-using a tag with different content is an error.
    Queued pushes are delivered first.
    """
    from envmgr.cli.alm.commands import push as command
    from envmgr.ops.alm.push import PushOptions

    push_options = PushOptions(
        app=app,
        tag=tag,
        artifacts=tuple(artifact or ()),
        changelog=changelog,
        commit=commit,
        ref=ref,
        require_lock=require_lock,
    )
    return command.run(options_of(ctx), push_options, spool=spool)
