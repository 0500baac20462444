"""What the worker does about events: it counts them, each once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from envmgr.server.contracts.events import EVERYTHING
from envmgr.server.kit.inbox import fresh
from envmgr.server.worker import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.bus import Subscription
    from envmgr.server.kit.dead_letters import DeadLetters
    from envmgr.server.kit.event import Event
    from envmgr.server.kit.sql import Database, Transaction

CONSUMER = "event-count"


def subscription(database: Database, dead_letters: DeadLetters) -> Subscription:
    """Subscribe to everything."""

    async def count(events: Sequence[Event]) -> None:
        def unit(transaction: Transaction) -> None:
            store.count(transaction, Counter(event.type for event in fresh(transaction, CONSUMER, events)))

        await database.write(unit)

    return dead_letters.consumer(CONSUMER, [EVERYTHING], count)
