"""The REST face of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envmgr.server.gateway.api import api_keys, sessions, token_exchange, users

if TYPE_CHECKING:
    from envmgr.server.gateway.service.facade import Gateway


def routes(gateway: Gateway) -> list[Any]:
    """Make the handlers."""
    return [
        *sessions.routes(gateway.sessions, gateway.keyring),
        *api_keys.routes(gateway.keys),
        *token_exchange.routes(gateway.bindings, gateway.exchange),
        *users.routes(gateway.users),
    ]
