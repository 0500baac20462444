"""`envmgr alm logout`: nobody is signed in here any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.alm.connection import opened
from envmgr.cli.alm.output.text import plain
from envmgr.cli.console import report, say
from envmgr.ops.alm import auth
from envmgr.ops.alm.connection import TOKEN

if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options) -> int:
    """Sign out, at the server and here."""
    with opened(options) as context:
        done = auth.out(context, options.alm_url)
        if done.trouble:
            say(
                options,
                f"warning: the server could not be told, so the sign-in ends by itself: {done.trouble}",
            )
        if context.environment.get(TOKEN):
            say(options, f"warning: {TOKEN} is still set")
    return report(
        options,
        "alm-logout",
        lambda: {"server": done.url, "actor": done.actor, "revoked": not done.trouble},
        lambda _style, _width: [f"{plain(done.actor) or 'you'} signed out of {done.url}"],
    )
