"""Declaration of `envmgr alm login`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm login https://alm.example.com --username ada")
def login(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Argument(metavar="[URL]", help="Server URL.")] = None,
    username: Annotated[
        str | None, typer.Option("--username", "-u", metavar="NAME", help="Username.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
) -> int:
    """Sign in and store credentials.

    With --token, checks and stores an API key instead. The first server becomes the setting `alm_url`.
    """
    from envmgr.cli.alm.commands import login as command

    return command.run(options_of(ctx), url, username, password_stdin=password_stdin)
