"""Lag of consumers behind the outboxes, by their own offsets, independent of the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.kit.messaging.bus import ALL_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.kit.messaging.event_state import Consumers, Subscriber
    from envmgr.server.kit.messaging.outbox import Outbox


class ConsumerLag:
    """The events in outboxes of this process that consumers have yet to consume.

    Consumers may be those of other processes.
    """

    def __init__(self, outboxes: Sequence[Outbox], services: Sequence[Consumers]) -> None:
        self._outboxes = outboxes
        self._services = services
        self._checked: dict[tuple[str, str], int] = {}
        """By consumer and outbox: the sequence up to which all events are of other types."""

    async def by_consumer(self) -> dict[str, int]:
        """Return by consumer how many events it has yet to consume, all as of one moment."""
        # Once for all consumers: it numbers events, which takes a transaction.
        latest = {outbox.service: await outbox.latest_sequence() for outbox in self._outboxes}
        return {
            subscription.consumer: await self._lag(
                subscription, await service.offsets(subscription.consumer), latest
            )
            for service in self._services
            for subscription in service.subscriptions
        }

    async def offsets(self, service: str) -> dict[str, int]:
        """Return the offset of every consumer in the events of a service."""
        return {
            consumer: offset
            for consumers in self._services
            for consumer, offset in (await consumers.offsets_in(service)).items()
        }

    async def consumed_by_all(self, outbox: Outbox) -> int:
        """Return the sequence up to which no consumer is known to need an event of an outbox any more."""
        if not all(service.is_known for service in self._services):
            return 0
        first = [
            await outbox.first_after(
                (await service.offsets(subscription.consumer)).get(outbox.service, 0), subscription.types
            )
            for service in self._services
            for subscription in service.subscriptions
        ]
        pending = [sequence for sequence in first if sequence is not None]
        return min(pending) - 1 if pending else await outbox.latest_sequence()

    async def _lag(
        self, subscription: Subscriber, offsets: Mapping[str, int], latest: Mapping[str, int]
    ) -> int:
        counts = [
            await self._pending(subscription, outbox, offsets.get(outbox.service, 0), latest[outbox.service])
            for outbox in self._outboxes
        ]
        return sum(counts)

    async def _pending(self, subscription: Subscriber, outbox: Outbox, offset: int, latest: int) -> int:
        key = subscription.consumer, outbox.service
        after = max(offset, self._checked.get(key, 0))
        if latest <= after:
            return 0
        if ALL_TYPES in subscription.types:
            return latest - after
        pending = await outbox.count_between(after, latest, subscription.types)
        if not pending:
            self._checked[key] = latest
        return pending
