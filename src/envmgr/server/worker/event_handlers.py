"""Event handler of the worker: counts events, each once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from envmgr.server.contracts.events import ALL_EVENTS
from envmgr.server.kit.messaging.inbox import filter_unprocessed
from envmgr.server.worker import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

CONSUMER = "event-count"


def subscription(database: Database, dead_letters: DeadLetters) -> Subscription:
    """Subscribe to everything."""

    async def count(events: Sequence[EventEnvelope]) -> None:
        def increment(transaction: Transaction) -> None:
            store.increment_counts(
                transaction,
                Counter(event.type for event in filter_unprocessed(transaction, CONSUMER, events)),
            )

        await database.write(increment)

    return dead_letters.subscription(CONSUMER, [ALL_EVENTS], count)
