"""The REST face of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envmgr.server.gateway.api import exchange, keys, sessions, users

if TYPE_CHECKING:
    from envmgr.server.gateway.gateway import Gateway


def routes(gateway: Gateway) -> list[Any]:
    """Make the handlers."""
    return [
        *sessions.routes(gateway.sessions, gateway.keyring),
        *keys.routes(gateway.keys),
        *exchange.routes(gateway.bindings, gateway.exchange),
        *users.routes(gateway.users),
    ]
