"""What the gateway does about events: credentials for some apps follow those apps, not their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.events import APP_DELETED, APP_UPDATED
from envmgr.server.gateway.store import app_scopes
from envmgr.server.kit.messaging.inbox import fresh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.kit.common.events import Event
    from envmgr.server.kit.db.sql import Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

CONSUMER = "gateway-apps"


def subscription(authenticator: Authenticator, dead_letters: DeadLetters) -> Subscription:
    """Subscribe to what becomes of the names of apps."""

    async def follow(events: Sequence[Event]) -> None:
        moving = [event for event in events if event.type == APP_DELETED or "previous_name" in event.data]
        if moving:
            await authenticator.change(lambda transaction: _follow(transaction, moving))

    return dead_letters.consumer(CONSUMER, [APP_UPDATED, APP_DELETED], follow)


def _follow(transaction: Transaction, events: Sequence[Event]) -> None:
    for event in fresh(transaction, CONSUMER, events):
        name = str(event.data["name"])
        if event.type == APP_DELETED:
            app_scopes.end(transaction, name)
        else:
            app_scopes.rename(transaction, str(event.data["previous_name"]), name)
