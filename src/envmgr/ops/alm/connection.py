"""The server that commands talk to: its address and the token, from a flag, the environment or the user's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client import tokens
from envmgr.alm.client.api import Api
from envmgr.alm.client.transport import Transport
from envmgr.kit.errors import AlmError, ConfigError, NetworkError
from envmgr.kit.http import urls

if TYPE_CHECKING:
    from envmgr.alm.client.tokens import TokenSource
    from envmgr.resolve.context import Context

TOKEN = "ENVMGR_ALM_TOKEN"  # noqa: S105 - the name of a variable
INTERACTIVE_RETRIES = 2
"""How often somebody who waits for it wants a request tried again."""


def connect(
    context: Context, url: str | None = None, token: str | None = None, *, retries: int = INTERACTIVE_RETRIES
) -> Api:
    """Return the server's API; nothing is asked yet. Raise ConfigError or AlmError where no server is named."""
    wire = wire_to(context, url, retries=retries)
    return Api(wire, _tokens(context, wire, token))


def wire_to(context: Context, url: str | None, *, retries: int = INTERACTIVE_RETRIES) -> Transport:
    """Return the way to the server."""
    return Transport(address(context, url), context.http, retries=retries)


def address(context: Context, url: str | None) -> str:
    """Return the server's address: the one given, else the setting `alm_url` (or ENVMGR_ALM_URL)."""
    named = url or context.settings.alm_url
    if not named:
        raise AlmError(
            "no ALM server is set",
            "`envmgr alm login URL` signs in to one; or set ENVMGR_ALM_URL; `envmgr alm serve` runs one here",
        )
    try:
        return urls.normalize_server_url(named)
    except NetworkError:
        raise ConfigError(
            f"{urls.redacted(named)} is not a server's address", "it should be like https://alm.example.com"
        ) from None


def explicit_token(context: Context, token: str | None) -> str:
    """Return the token of this run: the flag's, else the environment's; empty where there is neither."""
    return token or context.environment.get(TOKEN).strip()


def _tokens(context: Context, wire: Transport, token: str | None) -> TokenSource:
    given = explicit_token(context, token)
    if not given:
        return tokens.StoredToken(context.paths, wire)
    if token:
        return static_token(given, "this token", f"give another; `envmgr alm login {wire.url}` signs in")
    before = f"it goes before what `envmgr alm login` keeps: set another, or unset {TOKEN}"
    return static_token(given, f"the token in {TOKEN}", before)


def static_token(token: str, what: str, way_out: str) -> tokens.StaticToken:
    """Return a token that was given, with what is said where it is refused; raise ConfigError for what is none."""
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(
            f"{what} cannot be one: it holds what is no letter, digit or sign of ASCII", way_out
        )
    return tokens.StaticToken(
        token, f"{what} is what is refused: it may have ended or been revoked; {way_out}"
    )
