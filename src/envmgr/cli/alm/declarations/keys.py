"""Declarations of `envmgr alm keys …`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.declarations.params import Limit
from envmgr.cli.completion import completers
from envmgr.cli.declarations.number_checks import check_minimum
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command("list", epilog="Example: envmgr alm keys list")
def list_(ctx: typer.Context, limit: Limit = 50) -> int:
    """List your API keys, newest first (admins: all keys)."""
    from envmgr.cli.alm.commands import keys as command

    return command.run_list(options_of(ctx), limit)


@app.command(epilog="Example: envmgr alm keys create 'shop CI' --app shop --expires 90d")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Key name: the job or machine.")],
    app: Annotated[
        list[str] | None,
        typer.Option("--app", metavar="APP", help="Limit to this app (repeatable; default: all)."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="Grant this scope (repeatable; default: for `push`).",
            autocompletion=completers.complete_scope,
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="Expiry: 90d, 12h (default: none)."),
    ] = None,
) -> int:
    """Create an API key and print it once.

    Only the key goes to stdout, so that a secret store can read it from a pipe. The default scopes are those of
    `push`: apps:read, versions:read and versions:write.
    """
    from envmgr.alm.key_options import parse_duration, parse_scopes
    from envmgr.cli.alm.commands import keys as command
    from envmgr.ops.alm.keys import KeyOptions

    lifetime = None if expires is None else parse_duration(expires)
    key_options = KeyOptions(name, parse_scopes(scope or ()), tuple(app or ()), lifetime)
    return command.run_create(options_of(ctx), key_options)


@app.command(epilog="Example: envmgr alm keys revoke 4")
def revoke(
    ctx: typer.Context,
    key: Annotated[int, typer.Argument(metavar="ID", callback=check_minimum(1), help="A key's ID.")],
) -> int:
    """Revoke an API key immediately, after confirmation."""
    from envmgr.cli.alm.commands import keys as command

    return command.run_revoke(options_of(ctx), key)
