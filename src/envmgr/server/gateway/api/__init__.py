"""REST API of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envmgr.server.gateway.api import api_keys, sessions, token_exchange, users

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.identity import Identity


def routes(identity: Identity) -> list[Any]:
    """Create the route handlers."""
    return [
        *sessions.routes(identity.sessions),
        *api_keys.routes(identity.keys),
        *token_exchange.routes(identity.bindings, identity.exchange),
        *users.routes(identity.users),
    ]
