"""`envmgr alm whoami`: the signed-in user and its permissions."""

from __future__ import annotations

from envmgr.alm.client.fields import get_str
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.text import escape_line, key_values
from envmgr.cli.console import print_result
from envmgr.ops.alm import auth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style


def run(options: Options) -> int:
    """Print the signed-in user."""
    with alm_client(options) as api:
        me, url = auth.whoami(api), api.url
    return print_result(
        options,
        "alm-whoami",
        lambda: whoami_json(url, me),
        lambda style, width: whoami_lines(url, me, style, width),
    )


def whoami_json(url: str, me: Document) -> dict[str, object]:
    """Return the signed-in user as a JSON object."""
    return {"server": url, **me}


def whoami_lines(url: str, me: Document, style: Style, width: int) -> Iterable[str]:
    """Return the signed-in user as lines."""
    return key_values(
        (
            ("actor", style.paint("bold", escape_line(get_str(me, "actor")))),
            ("role", _join_values(me.get("role"))),
            ("scopes", _join_values(me.get("scopes"))),
            ("apps", _join_values(me.get("apps"))),
            ("server", style.paint("cyan", url)),
        ),
        style,
        width,
    )


def _join_values(value: object) -> str:
    if isinstance(value, list):
        return escape_line(" ".join(str(item) for item in value))
    return escape_line(str(value)) if value else ""
