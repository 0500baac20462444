"""Declaration of `envmgr alm password`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm password --revoke-keys")
def password(
    ctx: typer.Context,
    revoke_keys: Annotated[
        bool, typer.Option("--revoke-keys", help="Revoke all of your API keys, too.")
    ] = False,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read both passwords from stdin, one a line."),
    ] = False,
) -> int:
    """Change your password.

    Prompts for the current password, and twice for the new one. All your sessions end. The stored login is renewed,
    unless --token or ENVMGR_ALM_TOKEN is used: then run `envmgr alm login`. API keys stay valid, unless --revoke-keys
    is passed. With --password-stdin, stdin has two lines: the current and the new password.
    """
    from envmgr.cli.alm.commands import password as command

    return command.run(options_of(ctx), revoke_keys=revoke_keys, password_stdin=password_stdin)
