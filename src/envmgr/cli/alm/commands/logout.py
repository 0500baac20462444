"""`envmgr alm logout`: revoke the session and delete the credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.alm.connection import alm_context
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.console import print_outcome, print_status
from envmgr.ops.alm import auth
from envmgr.ops.alm.connection import TOKEN_VARIABLE

if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options) -> int:
    """Sign out on the server and locally."""
    with alm_context(options) as context:
        result = auth.logout(context, options.alm_url)
        if result.server_error:
            print_status(
                options,
                f"warning: could not revoke the session on the server (it will expire): {result.server_error}",
            )
        if context.environment.get(TOKEN_VARIABLE):
            print_status(options, f"warning: {TOKEN_VARIABLE} is still set")
    return print_outcome(
        options,
        "alm-logout",
        lambda: {"server": result.url, "actor": result.actor, "revoked": not result.server_error},
        lambda _style, _width: [f"{escape_line(result.actor) or 'you'} signed out of {result.url}"],
    )
