"""The group of commands `envmgr alm`, which the files beside this one put theirs into."""

from __future__ import annotations

import typer

from envmgr.cli.options import Options

HELP = """
What was built, with which tools, and what of it runs where: the client of the ALM server.

Every command takes, before or after its name: --url URL and --token TOKEN (of the server, instead of what `envmgr alm
login` keeps, or ENVMGR_ALM_URL and ENVMGR_ALM_TOKEN say; the token `-` is read from stdin).
"""

alm_app = typer.Typer(help=HELP, no_args_is_help=True)


def options_of(ctx: typer.Context) -> Options:
    """Return the options that every command takes."""
    return ctx.obj if isinstance(ctx.obj, Options) else Options()
