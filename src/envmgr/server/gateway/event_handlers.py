"""Event handlers of the gateway: app-restricted credentials follow renames and deletions of apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.contracts.events import decode
from envmgr.server.contracts.events.app import AppDeleted, AppUpdated
from envmgr.server.gateway.store import app_scopes
from envmgr.server.kit.messaging import consumer_offsets
from envmgr.server.kit.messaging.inbox import filter_unprocessed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

CONSUMER = "gateway-apps"


def subscription(database: Database, authenticator: Authenticator, dead_letters: DeadLetters) -> Subscription:
    """Return the subscription to app events."""

    async def follow(events: Sequence[EventEnvelope]) -> None:
        moving = [event for event in events if event.type == AppDeleted.TYPE or "previous_name" in event.data]
        if moving:
            await authenticator.write_and_invalidate(
                lambda transaction: _update_app_scopes(transaction, moving, events)
            )
        else:
            await database.write(lambda transaction: consumer_offsets.record(transaction, CONSUMER, events))

    return dead_letters.subscription(CONSUMER, [AppUpdated.TYPE, AppDeleted.TYPE], follow)


def _update_app_scopes(
    transaction: Transaction, moving: Sequence[EventEnvelope], events: Sequence[EventEnvelope]
) -> None:
    consumer_offsets.record(transaction, CONSUMER, events)
    for event in filter_unprocessed(transaction, CONSUMER, moving):
        app = decode(event)
        if isinstance(app, AppDeleted):
            app_scopes.revoke_app(transaction, app.name)
        elif isinstance(app, AppUpdated) and app.previous_name is not UNSET:
            app_scopes.rename_app(transaction, app.previous_name, app.name)
