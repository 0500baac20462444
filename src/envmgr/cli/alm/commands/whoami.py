"""`envmgr alm whoami`: who one is to the server, and what one may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import text
from envmgr.cli.alm.connection import connected
from envmgr.cli.alm.output.text import facts, plain
from envmgr.cli.console import show
from envmgr.ops.alm import auth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style


def run(options: Options) -> int:
    """Ask the server."""
    with connected(options) as api:
        me, url = auth.whoami(api), api.url
    return show(
        options, "alm-whoami", lambda: entry(url, me), lambda style, width: lines(url, me, style, width)
    )


def entry(url: str, me: Document) -> dict[str, object]:
    """Say as JSON who one is."""
    return {"server": url, **me}


def lines(url: str, me: Document, style: Style, width: int) -> Iterable[str]:
    """Say who one is."""
    return facts(
        (
            ("actor", style.paint("bold", plain(text(me, "actor")))),
            ("role", _words(me.get("role"))),
            ("scopes", _words(me.get("scopes"))),
            ("apps", _words(me.get("apps"))),
            ("server", style.paint("cyan", url)),
        ),
        style,
        width,
    )


def _words(value: object) -> str:
    if isinstance(value, list):
        return plain(" ".join(str(one) for one in value))
    return plain(str(value)) if value else ""
