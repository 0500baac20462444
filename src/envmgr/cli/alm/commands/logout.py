"""`envmgr alm logout`: nobody is signed in here any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.alm.connection import alm_context
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.console import print_outcome, print_status
from envmgr.ops.alm import auth
from envmgr.ops.alm.connection import TOKEN

if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options) -> int:
    """Sign out, at the server and here."""
    with alm_context(options) as context:
        done = auth.logout(context, options.alm_url)
        if done.server_error:
            print_status(
                options,
                f"warning: the server could not be told, so the sign-in ends by itself: {done.server_error}",
            )
        if context.environment.get(TOKEN):
            print_status(options, f"warning: {TOKEN} is still set")
    return print_outcome(
        options,
        "alm-logout",
        lambda: {"server": done.url, "actor": done.actor, "revoked": not done.server_error},
        lambda _style, _width: [f"{escape_line(done.actor) or 'you'} signed out of {done.url}"],
    )
