"""Recovery of a service whose database was restored to an earlier state than the others.

As a source, it continues its sequence after what the others have received, and records the gap as an event, which the
audit log receives like every other. As a consumer, it receives again what it lacks, from the outboxes of the others.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from envmgr.kit.audit_log.sequence_gaps import subtract_ranges
from envmgr.kit.errors import EnvmgrError
from envmgr.server.audit import module as audit_module
from envmgr.server.audit import store as audit_store
from envmgr.server.contracts.events import decode_as
from envmgr.server.contracts.events.recovery import SequenceGapRecorded
from envmgr.server.kit.common.events import DomainEvent, source_of
from envmgr.server.kit.messaging import consumer_offsets, sequence_gap
from envmgr.server.kit.messaging.bus import Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from envmgr.server.bootstrap.backend import DatabaseBackend
    from envmgr.server.bootstrap.composition import Services
    from envmgr.server.contracts.resources import AuditEntry
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.outbox import Outbox
    from envmgr.server.kit.runtime.service_module import ServiceModule

BATCH_EVENTS, MAX_LISTED_ENTRIES = 500, 20
SKIPPED_IDS = 1000
"""IDs that are left out in addition to those of lost events: no consumer received the last ones."""
_ID = re.compile(r"/(\d{1,16})$")


@dataclass(frozen=True, slots=True)
class EventRange:
    """Events of a service by their sequence, both ends included."""

    service: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class LostEvents:
    """Events that a service lost, as far as the audit log has them."""

    entries: int
    first_entries: Sequence[AuditEntry]
    highest_id: int
    """The highest ID of a resource in any of them."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Result of a recovery."""

    gap: EventRange | None
    """The events that the service lost, recorded as such."""
    lost: LostEvents
    delivered: int
    """Events that the service received again."""
    unavailable: Sequence[EventRange]
    """Events of others that it lacks and that no outbox retains."""


@dataclass(frozen=True, slots=True)
class _Backlog:
    """Events of a source that a restored consumer had received before, and lacks."""

    subscription: Subscription
    outbox: Outbox
    offset: int
    """The sequence up to which the consumer has received the events."""
    reported: int
    """The sequence up to which it had received them."""


async def accept_gap(services: Services, backend: DatabaseBackend, service: str, actor: str) -> Recovered:
    """Connect a restored database with the others again; no other process may use them.

    Every step may be repeated: after an interruption, the next call completes it. Raise EnvmgrError.
    """
    module = next(module for module in services.modules if module.name == service)
    backlogs = await _backlogs(services, module)
    if service == audit_module.NAME:
        backlogs += await _log_gaps(services, module)
    unavailable = [events for backlog in backlogs for events in await _gone(backlog)]
    if service == audit_module.NAME:
        unavailable = await _exclude_recorded(services, module, unavailable)
        # First: after the delivery, the offset covers these events.
        await _record_unavailable(services, unavailable, actor)
    delivered = sum([await _redeliver(module, backlog) for backlog in backlogs])
    latest, received = await module.outbox.latest_sequence(), await _received_sequence(services, module)
    repeated, renumbered = await _contradictions(services, module, latest)
    if received <= latest and not repeated and not renumbered:
        if not delivered and not unavailable:
            raise EnvmgrError(
                f"the database of {service} lacks nothing that others have received",
                "start the server; if it is not ready, read the reason in `/readyz`",
            )
        return Recovered(None, LostEvents(0, (), 0), delivered, unavailable)
    await _deliver_pending(services, module, {*repeated, *renumbered})
    lost = await _lost_events(services, service, latest - len(repeated) - len(renumbered))
    await asyncio.to_thread(
        backend.target(service).skip_ids, lost.highest_id, max(received - latest, 0) + SKIPPED_IDS
    )
    gap = await module.database.write(
        lambda transaction: _record_gap(transaction, service, received, actor, repeated, renumbered)
    )
    return Recovered(gap, lost, delivered, unavailable)


def _record_gap(
    transaction: Transaction,
    service: str,
    received: int,
    actor: str,
    repeated: Sequence[str],
    renumbered: Sequence[str],
) -> EventRange:
    first, last = sequence_gap.skip_to(transaction, received, repeated=repeated, renumbered=renumbered)
    gap = EventRange(service, first, last)
    transaction.emit(_gap_event(gap, actor))
    return gap


async def _record_unavailable(services: Services, ranges: Sequence[EventRange], actor: str) -> None:
    """Record in each source that the audit log lacks some of its events for ever."""
    for lost in ranges:
        await services.databases[lost.service].write(partial(_emit, event=_gap_event(lost, actor)))


def _emit(transaction: Transaction, event: DomainEvent) -> None:
    transaction.emit(event)


def _gap_event(gap: EventRange, actor: str) -> DomainEvent:
    return DomainEvent(
        subject=f"service/{gap.service}",
        data=SequenceGapRecorded(service=gap.service, first=gap.first, last=gap.last),
        actor=actor,
    )


async def _received_sequence(services: Services, module: ServiceModule) -> int:
    """Return the highest sequence that a consumer or the broker has; raise ServiceUnavailable."""
    offsets = await services.consumer_lag.offsets(module.name)
    await services.bus.start()
    try:
        position = await services.bus.position(source_of(module.name))
    finally:
        await services.bus.stop()
    return max([*offsets.values(), position.sequence if position else 0])


async def _contradictions(
    services: Services, module: ServiceModule, latest: int
) -> tuple[list[str], list[str]]:
    """Return the IDs of the newest events whose sequence the audit log has for others.

    First those that the log has under another sequence, then those that it lacks, each oldest first.
    """
    audit = services.databases[audit_module.NAME]
    contradicting: list[str] = []
    high = latest
    while high > 0:
        low = max(high - BATCH_EVENTS, 0)
        ids_by_sequence = {event.sequence: event.id for event in await _between(module.outbox, low, high)}
        entries = await audit.read(
            partial(audit_store.entries_of_service, service=module.name, after=low, limit=high - low)
        )
        logged = {entry.source_sequence: entry.id for entry in entries}
        batch = [
            ids_by_sequence[number]
            for number in sorted(ids_by_sequence)
            if logged.get(number, ids_by_sequence[number]) != ids_by_sequence[number]
        ]
        contradicting = batch + contradicting
        if not ids_by_sequence or any(logged.get(number) == id_ for number, id_ in ids_by_sequence.items()):
            break
        high = low
    known_ids = await audit.read(partial(audit_store.existing_event_ids, ids=contradicting))
    return (
        [id_ for id_ in contradicting if id_ in known_ids],
        [id_ for id_ in contradicting if id_ not in known_ids],
    )


async def _deliver_pending(services: Services, module: ServiceModule, excluded: set[str]) -> None:
    """Deliver what the restored outbox has pending: it was relayed after the copy was made."""
    after = await module.outbox.acknowledged_sequence()
    latest = await module.outbox.latest_sequence()
    async for events in _batches(module.outbox, after, latest):
        pending = [event for event in events if event.id not in excluded]
        for receiver in services.modules:
            for subscription in receiver.subscriptions:
                await _deliver(subscription, pending)


async def _backlogs(services: Services, module: ServiceModule) -> list[_Backlog]:
    """Return what the consumers of a service had received, and lack."""
    backlogs = []
    for subscription in module.subscriptions:
        offsets = await module.dead_letters.offsets(subscription.consumer)
        for source in services.modules:
            reported = await source.outbox.consumed_sequence(subscription.consumer)
            offset = offsets.get(source.name, 0)
            if reported > offset:
                backlogs.append(_Backlog(subscription, source.outbox, offset, reported))
    return backlogs


async def _log_gaps(services: Services, module: ServiceModule) -> list[_Backlog]:
    """Return the events before the newest entries that the log has never received: the broker lost them.

    Dead letters are not lost: they wait for `dead-letters retry`.
    """
    (subscription,) = module.subscriptions
    events = [dead_letter.event for dead_letter in await module.dead_letters.all()]
    backlogs = []
    for source in services.modules:
        missing = await module.database.read(partial(audit_store.missing_ranges, service=source.name))
        received = [(event.sequence, event.sequence) for event in events if event.service == source.name]
        for first, last in subtract_ranges(missing, received):
            backlogs.append(_Backlog(subscription, source.outbox, first - 1, last))
    return backlogs


async def _exclude_recorded(
    services: Services, module: ServiceModule, ranges: Sequence[EventRange]
) -> list[EventRange]:
    """Return ranges without the losses that events on their way to the log record.

    An earlier call emitted them.
    """
    (subscription,) = module.subscriptions
    offsets = await module.dead_letters.offsets(subscription.consumer)
    recorded: dict[str, list[tuple[int, int]]] = {}
    for source in services.modules:
        latest = await source.outbox.latest_sequence()
        for event in await _between(source.outbox, offsets.get(source.name, 0), latest):
            if event.type == SequenceGapRecorded.TYPE:
                gap = decode_as(event, SequenceGapRecorded)
                recorded.setdefault(gap.service, []).append((gap.first, gap.last))
    return [
        EventRange(lost.service, first, last)
        for lost in ranges
        for first, last in subtract_ranges([(lost.first, lost.last)], recorded.get(lost.service, ()))
    ]


async def _gone(backlog: _Backlog) -> list[EventRange]:
    """Return the events of a backlog that its outbox has deleted."""
    retained = await backlog.outbox.events_after(backlog.offset, 1)
    first = retained[0].sequence if retained else backlog.reported + 1
    last = min(first - 1, backlog.reported)
    return [EventRange(backlog.outbox.service, backlog.offset + 1, last)] if last > backlog.offset else []


async def _redeliver(module: ServiceModule, backlog: _Backlog) -> int:
    """Deliver to a service what it lacks of a backlog; return the number of events."""
    delivered = 0
    async for events in _batches(backlog.outbox, backlog.offset, backlog.reported):
        delivered += await _deliver(backlog.subscription, events)
    record = [(backlog.subscription.consumer, backlog.outbox.service, backlog.reported)]
    await module.database.write(partial(consumer_offsets.record_all, offsets=record))
    return delivered


async def _deliver(subscription: Subscription, events: Sequence[EventEnvelope]) -> int:
    if matching := subscription.select(events):
        await Delivery().deliver(subscription, matching)
    return len(matching)


async def _batches(outbox: Outbox, after: int, last: int) -> AsyncIterator[Sequence[EventEnvelope]]:
    while events := [
        event for event in await outbox.events_after(after, BATCH_EVENTS) if event.sequence <= last
    ]:
        yield events
        after = events[-1].sequence


async def _between(outbox: Outbox, after: int, last: int) -> list[EventEnvelope]:
    return [event async for events in _batches(outbox, after, last) for event in events]


async def _lost_events(services: Services, service: str, after: int) -> LostEvents:
    """Return what the audit log has of a service's events after a sequence."""
    audit = services.databases[audit_module.NAME]
    first_entries: list[AuditEntry] = []
    entries = highest_id = 0
    while batch := await audit.read(
        partial(audit_store.entries_of_service, service=service, after=after, limit=BATCH_EVENTS)
    ):
        first_entries += batch[: MAX_LISTED_ENTRIES - len(first_entries)]
        entries += len(batch)
        highest_id = max(highest_id, *map(_id_of, batch))
        after = batch[-1].source_sequence
    return LostEvents(entries, first_entries, highest_id)


def _id_of(entry: AuditEntry) -> int:
    match = _ID.search(entry.resource)
    return int(match[1]) if match else 0
