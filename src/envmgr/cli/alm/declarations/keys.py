"""Commands for what lets programs in: API keys. Names, arguments, options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.alm.group import alm_app, options_of

keys_app = typer.Typer(help="API keys, for CI: list, create, revoke.", no_args_is_help=True)
alm_app.add_typer(keys_app, name="keys")


@keys_app.command("list", epilog="Example: envmgr alm keys list")
def keys_list(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many to show; 0: all.")] = 50,
) -> int:
    """Show your API keys, newest first; admins see everybody's."""
    from envmgr.cli.alm.commands import keys

    return keys.run_list(options_of(ctx), limit)


@keys_app.command("create", epilog="Example: envmgr alm keys create 'shop CI' --app shop --expires 90d")
def keys_create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for: the job, or the machine.")],
    app: Annotated[
        list[str] | None,
        typer.Option("--app", metavar="APP", help="Good for this app only (repeatable); else for all."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="What it may do (repeatable), as deployments:write; else what `push` needs.",
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="How long it lasts: 90d, 12h; else until revoked."),
    ] = None,
) -> int:
    """Make an API key and print it, this once.

    Only the key goes to stdout, so that what takes secrets can read it from there. Without --scope it may do what
    `push` needs: apps:read, versions:read and versions:write.
    """
    from envmgr.alm.key_options import parse_duration, parse_scopes
    from envmgr.cli.alm.commands import keys
    from envmgr.ops.alm.keys import KeyOptions

    lasts = None if expires is None else parse_duration(expires)
    return keys.run_create(
        options_of(ctx), KeyOptions(name, parse_scopes(scope or ()), tuple(app or ()), lasts)
    )


@keys_app.command("revoke", epilog="Example: envmgr alm keys revoke 4")
def keys_revoke(
    ctx: typer.Context,
    key: Annotated[int, typer.Argument(metavar="ID", min=1, help="A key's number.")],
) -> int:
    """Revoke an API key, after asking; whoever uses it is out at once."""
    from envmgr.cli.alm.commands import keys

    return keys.run_revoke(options_of(ctx), key)
