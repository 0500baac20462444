"""`envmgr alm whoami`: who one is to the server, and what one may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_str
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.text import escape_line, key_values
from envmgr.cli.console import print_result
from envmgr.ops.alm import auth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style


def run(options: Options) -> int:
    """Ask the server."""
    with alm_client(options) as api:
        me, url = auth.whoami(api), api.url
    return print_result(
        options, "alm-whoami", lambda: whoami_json(url, me), lambda style, width: lines(url, me, style, width)
    )


def whoami_json(url: str, me: Document) -> dict[str, object]:
    """Say as JSON who one is."""
    return {"server": url, **me}


def lines(url: str, me: Document, style: Style, width: int) -> Iterable[str]:
    """Say who one is."""
    return key_values(
        (
            ("actor", style.paint("bold", escape_line(get_str(me, "actor")))),
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
        return escape_line(" ".join(str(one) for one in value))
    return escape_line(str(value)) if value else ""
