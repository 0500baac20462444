"""Connection to the server: URL and token from options, the environment or stored files."""

from __future__ import annotations

from envmgr.alm.client import tokens
from envmgr.alm.client.api import Api
from envmgr.alm.client.transport import Transport
from envmgr.kit.errors import AlmError, ConfigError, NetworkError
from envmgr.kit.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.alm.client.tokens import TokenSource
    from envmgr.resolve.context import Context

TOKEN_VARIABLE = "ENVMGR_ALM_TOKEN"  # noqa: S105 - the name of a variable
INTERACTIVE_RETRIES = 2
"""Retries of a request while a user waits."""


def connect(
    context: Context, url: str | None = None, token: str | None = None, *, retries: int = INTERACTIVE_RETRIES
) -> Api:
    """Return a client without sending a request; raise ConfigError or AlmError without a valid URL."""
    transport = transport_for(context, url, retries=retries)
    return Api(transport, _tokens(context, transport, token))


def transport_for(context: Context, url: str | None, *, retries: int = INTERACTIVE_RETRIES) -> Transport:
    """Return the transport to the server."""
    return Transport(server_url(context, url), context.http, retries=retries)


def server_url(context: Context, url: str | None) -> str:
    """Return the server's URL: `url`, else the setting `alm_url` (or ENVMGR_ALM_URL)."""
    configured = url or context.settings.alm_url
    if not configured:
        raise AlmError(
            "no ALM server configured",
            "run `envmgr alm login URL`, set ENVMGR_ALM_URL, or start one with `envmgr alm serve`",
        )
    try:
        return urls.normalize_server_url(configured)
    except NetworkError:
        raise ConfigError(
            f"invalid server URL: {urls.redact(configured)}", "use a URL like https://alm.example.com"
        ) from None


def explicit_token(context: Context, token: str | None) -> str:
    """Return the token of the option, else of the environment, or an empty string."""
    return token or context.environment.get(TOKEN_VARIABLE).strip()


def _tokens(context: Context, transport: Transport, token: str | None) -> TokenSource:
    explicit = explicit_token(context, token)
    if not explicit:
        return tokens.StoredToken(context.paths, transport)
    if token:
        return static_token(
            explicit, "this token", f"use another token, or run `envmgr alm login {transport.url}`"
        )
    hint = f"{TOKEN_VARIABLE} overrides the stored login: change or unset it"
    return static_token(explicit, f"the token in {TOKEN_VARIABLE}", hint)


def static_token(token: str, label: str, hint: str) -> tokens.StaticToken:
    """Return the source of a token with its hint for a rejection; raise ConfigError if it is invalid."""
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(f"{label} is invalid: it contains non-ASCII or control characters", hint)
    return tokens.StaticToken(token, f"{label} was rejected (expired or revoked); {hint}")
