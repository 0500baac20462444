"""Detection of restored older databases, by the sequences that services recorded of each other.

A consumer records its offset after the source has committed the event, and a source records what a consumer reported
after the consumer has committed it: neither can be ahead of the other, unless a database was replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.messaging.event_state import EventState
    from envmgr.server.kit.messaging.outbox import Outbox


async def find_older_copies(outboxes: Sequence[Outbox], services: Sequence[DeadLetters]) -> list[str]:
    """Return what databases lack of what others have recorded about them, at most a line for each pair."""
    # In this order: what is recorded about a service is read before the service, which only advances.
    reported = {
        (outbox.service, subscription.consumer): await outbox.consumed_sequence(subscription.consumer)
        for outbox in outboxes
        for service in services
        for subscription in service.subscriptions
    }
    offsets = [
        (service.service, subscription.consumer, await service.offsets(subscription.consumer))
        for service in services
        for subscription in service.subscriptions
    ]
    latest = {outbox.service: await outbox.latest_sequence() for outbox in outboxes}
    return [
        *_older_sources(latest, offsets),
        *_older_consumers(reported, offsets),
    ]


async def find_older_copy(
    outbox: Outbox, consumers: DeadLetters, peers: Mapping[str, EventState]
) -> list[str]:
    """Return what the database of one service lacks of what other services have recorded about it.

    `peers` has what these had at some moment before the call.
    """
    recorded = [
        (service, consumer.name, consumer.offsets)
        for service, peer in peers.items()
        for consumer in peer.consumers
    ]
    reported = {
        (service, consumer): offset
        for service, peer in peers.items()
        for consumer, offset in peer.reported_offsets.items()
    }
    offsets = [
        (consumers.service, subscription.consumer, await consumers.offsets(subscription.consumer))
        for subscription in consumers.subscriptions
    ]
    latest = {outbox.service: await outbox.latest_sequence()}
    return [*_older_sources(latest, recorded), *_older_consumers(reported, offsets)]


def _older_sources(
    latest: Mapping[str, int], offsets: Sequence[tuple[str, str, Mapping[str, int]]]
) -> Iterator[str]:
    for source, sequence in latest.items():
        consumers = [(by_source.get(source, 0), service) for service, _, by_source in offsets]
        received, consumer = max(consumers, default=(0, ""))
        if received > sequence:
            yield (
                f"the database of {source} ends at event {sequence}, "
                f"but {consumer} has received its event {received}"
            )


def _older_consumers(
    reported: Mapping[tuple[str, str], int], offsets: Sequence[tuple[str, str, Mapping[str, int]]]
) -> Iterator[str]:
    for service, consumer, by_source in offsets:
        for (source, name), sequence in reported.items():
            if name == consumer and sequence > by_source.get(source, 0):
                yield (
                    f"the database of {service} has received event {by_source.get(source, 0)} of {source}, "
                    f"but had received event {sequence}"
                )
