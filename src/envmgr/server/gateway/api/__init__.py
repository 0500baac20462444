"""REST API of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envmgr.server.gateway.api import api_keys, sessions, token_exchange, users
from envmgr.server.kit.http.request_policy import RequestPolicy

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.identity import Identity

POLICY = RequestPolicy(
    public_paths=frozenset({"/auth/login", "/auth/refresh", "/auth/token", "/.well-known/jwks.json"}),
    optional_credential_paths=frozenset({"/auth/logout"}),
    form_paths=frozenset({"/auth/token"}),
)
"""Logging out accepts a refresh token as well as a credential."""


def routes(identity: Identity) -> list[Any]:
    """Create the route handlers."""
    return [
        *sessions.routes(identity.sessions),
        *api_keys.routes(identity.keys),
        *token_exchange.routes(identity.bindings, identity.exchange),
        *users.routes(identity.users),
    ]
