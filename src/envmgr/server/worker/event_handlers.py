"""What the worker does about events: it counts them, each once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from envmgr.server.contracts.events import EVERYTHING
from envmgr.server.kit.messaging.inbox import fresh
from envmgr.server.worker import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import Event
    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

CONSUMER = "event-count"


def subscription(database: Database, dead_letters: DeadLetters) -> Subscription:
    """Subscribe to everything."""

    async def count(events: Sequence[Event]) -> None:
        def unit(transaction: Transaction) -> None:
            store.count(transaction, Counter(event.type for event in fresh(transaction, CONSUMER, events)))

        await database.write(unit)

    return dead_letters.consumer(CONSUMER, [EVERYTHING], count)
