"""Commands that let a person or a CI job in, and deliver what was built: names, arguments, options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.group import alm_app, options_of


@alm_app.command("login", epilog="Example: envmgr alm login https://alm.example.com --username ada")
def login(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Argument(metavar="[URL]", help="The server.")] = None,
    username: Annotated[str | None, typer.Option("--username", "-u", help="Who you are there.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin, and ask nothing.")
    ] = False,
) -> int:
    """Sign in to the server, and keep what it gives for later commands.

    With --token, an API key is checked and kept instead. The first server you sign in to becomes the setting `alm_url`.
    """
    from envmgr.cli.alm.commands import login as command

    return command.run(options_of(ctx), url, username, password_stdin=password_stdin)


@alm_app.command("logout", epilog="Example: envmgr alm logout")
def logout(ctx: typer.Context) -> int:
    """Sign out: the server forgets the sign-in, and so does this machine."""
    from envmgr.cli.alm.commands import logout as command

    return command.run(options_of(ctx))


@alm_app.command("whoami", epilog="Example: envmgr alm whoami --json")
def whoami(ctx: typer.Context) -> int:
    """Show who you are to the server, and what you may do there."""
    from envmgr.cli.alm.commands import whoami as command

    return command.run(options_of(ctx))


@alm_app.command(
    "push", epilog="Example: envmgr alm push --tag v1.4.0 --artifact shop.tar.gz=@dist/shop.tar.gz"
)
def push(  # noqa: PLR0913, PLR0917 - a parameter is an option
    ctx: typer.Context,
    app: Annotated[str | None, typer.Option("--app", help="The app; else the repository's name.")] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="The version; else the tag or commit here.")
    ] = None,
    artifact: Annotated[
        list[str] | None,
        typer.Option(
            "--artifact",
            metavar="NAME=DIGEST",
            help="What was built, with its sha256:… or, as NAME=@FILE, the file to take it of (repeatable).",
        ),
    ] = None,
    changelog: Annotated[
        str | None,
        typer.Option("--changelog", metavar="TEXT", help="What is new; @FILE reads it from a file."),
    ] = None,
    commit: Annotated[
        str | None, typer.Option("--commit", help="The commit; else the CI's or git's.")
    ] = None,
    ref: Annotated[str | None, typer.Option("--ref", help="The branch; else the CI's or git's.")] = None,
    require_lock: Annotated[
        bool, typer.Option("--require-lock", help="Fail without an .envmgr.lock that goes with .envmgr.")
    ] = False,
    spool: Annotated[
        bool, typer.Option("--spool", help="Keep it on disk for later when the server cannot be reached.")
    ] = False,
) -> int:
    """Register what was built, with the lock it was built with.

    The app is registered if it is new. The same push twice is one version; other content under a tag that is there
    already is an error. What earlier pushes left on disk is delivered first.
    """
    from envmgr.cli.alm.commands import push as command
    from envmgr.ops.alm.push import PushOptions

    said = PushOptions(
        app=app,
        tag=tag,
        artifacts=tuple(artifact or ()),
        changelog=changelog,
        commit=commit,
        ref=ref,
        require_lock=require_lock,
    )
    return command.run(options_of(ctx), said, spool=spool)


@alm_app.command("flush", epilog="Example: envmgr alm flush")
def flush(ctx: typer.Context) -> int:
    """Deliver what `push --spool` kept on disk, oldest first."""
    from envmgr.cli.alm.commands import flush as command

    return command.run(options_of(ctx))


@alm_app.command("serve", epilog="Example: envmgr alm serve --port 8080")
def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="The port; 0: any free.")
    ] = None,
    data_dir: Annotated[str | None, typer.Option("--data-dir", help="Where everything is kept.")] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", help="debug, info, warning or error.")
    ] = None,
    require_if_match: Annotated[
        bool, typer.Option("--require-if-match", help="Refuse changes that name no revision.")
    ] = False,
) -> int:
    """Run the server here: everything in one process, on SQLite."""
    from envmgr.cli.alm.commands import serve as command
    from envmgr.ops.alm.serve import ServeOptions

    return command.run(options_of(ctx), ServeOptions(host, port, data_dir, log_level, require_if_match))
