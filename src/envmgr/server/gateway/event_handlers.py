"""What the gateway does about events: credentials for some apps follow those apps, not their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.events import APP_DELETED, APP_UPDATED
from envmgr.server.gateway.store import app_scopes
from envmgr.server.kit.messaging.inbox import filter_unprocessed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

CONSUMER = "gateway-apps"


def subscription(authenticator: Authenticator, dead_letters: DeadLetters) -> Subscription:
    """Subscribe to what becomes of the names of apps."""

    async def follow(events: Sequence[EventEnvelope]) -> None:
        moving = [event for event in events if event.type == APP_DELETED or "previous_name" in event.data]
        if moving:
            await authenticator.write_and_invalidate(
                lambda transaction: _update_app_scopes(transaction, moving)
            )

    return dead_letters.subscription(CONSUMER, [APP_UPDATED, APP_DELETED], follow)


def _update_app_scopes(transaction: Transaction, events: Sequence[EventEnvelope]) -> None:
    for event in filter_unprocessed(transaction, CONSUMER, events):
        name = str(event.data["name"])
        if event.type == APP_DELETED:
            app_scopes.revoke_app(transaction, name)
        else:
            app_scopes.rename_app(transaction, str(event.data["previous_name"]), name)
