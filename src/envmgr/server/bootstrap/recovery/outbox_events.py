"""Events of an outbox in batches, and their delivery to a consumer without a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.kit.messaging.bus import Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.outbox import Outbox

BATCH_EVENTS = 500


async def read_batches(outbox: Outbox, after: int, last: int) -> AsyncIterator[Sequence[EventEnvelope]]:
    """Yield the retained events after a sequence up to another, in batches."""
    while events := [
        event for event in await outbox.events_after(after, BATCH_EVENTS) if event.sequence <= last
    ]:
        yield events
        after = events[-1].sequence


async def read_events(outbox: Outbox, after: int, last: int) -> list[EventEnvelope]:
    """Return the retained events after a sequence up to another."""
    return [event async for events in read_batches(outbox, after, last) for event in events]


async def deliver_events(subscription: Subscription, events: Sequence[EventEnvelope]) -> int:
    """Deliver the events of a consumer's types; return their number."""
    if matching := subscription.select(events):
        await Delivery().deliver(subscription, matching)
    return len(matching)
