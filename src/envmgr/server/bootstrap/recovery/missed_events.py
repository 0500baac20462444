"""Events that the consumers of a restored database lack: received before it, or lost by the broker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from envmgr.kit.audit_log.sequence_gaps import subtract_ranges
from envmgr.server.audit import module as audit_module
from envmgr.server.audit import store as audit_store
from envmgr.server.bootstrap.recovery.event_range import EventRange
from envmgr.server.bootstrap.recovery.outbox_events import deliver_events, read_batches, read_events
from envmgr.server.contracts.events import decode_as
from envmgr.server.contracts.events.recovery import SequenceGapRecorded
from envmgr.server.kit.messaging import consumer_offsets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.bootstrap.composition import Services
    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.sql import Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.outbox import Outbox
    from envmgr.server.kit.runtime.service_module import ServiceModule


@dataclass(frozen=True, slots=True)
class MissedEvents:
    """Events of others that a restored service lacked."""

    delivered: int
    """Events that the service received again."""
    unavailable: Sequence[EventRange]
    """Events that no outbox retains."""

    @property
    def has_events(self) -> bool:
        """Return whether the service lacked an event."""
        return bool(self.delivered or self.unavailable)


@dataclass(frozen=True, slots=True)
class _Backlog:
    """Events of a source that a consumer lacks."""

    subscription: Subscription
    outbox: Outbox
    offset: int
    """The sequence up to which the consumer has received the events."""
    reported: int
    """The sequence up to which it had received them."""


async def receive_missed_events(services: Services, module: ServiceModule, actor: str) -> MissedEvents:
    """Deliver to a service what it lacks, from the outboxes of the others.

    If the service is the audit log, it gets a record of what no outbox retains.
    """
    if module.name == audit_module.NAME:
        return await _receive_log_events(services, module, actor)
    backlogs = await _backlogs(services, module)
    unavailable = await _unavailable_events(backlogs)
    return MissedEvents(await _redeliver(module, backlogs), unavailable)


async def _receive_log_events(services: Services, module: ServiceModule, actor: str) -> MissedEvents:
    backlogs = [*await _backlogs(services, module), *await _log_gaps(services, module)]
    unavailable = await _exclude_recorded(services, module, await _unavailable_events(backlogs))
    # First: after the delivery, the offset covers these events.
    await _record_unavailable(services, unavailable, actor)
    return MissedEvents(await _redeliver(module, backlogs), unavailable)


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


async def _unavailable_events(backlogs: Sequence[_Backlog]) -> list[EventRange]:
    """Return the events of backlogs that their outboxes have deleted."""
    return [events for backlog in backlogs for events in await _deleted_events(backlog)]


async def _deleted_events(backlog: _Backlog) -> list[EventRange]:
    """Return the events of a backlog that its outbox has deleted."""
    retained = await backlog.outbox.events_after(backlog.offset, 1)
    first = retained[0].sequence if retained else backlog.reported + 1
    last = min(first - 1, backlog.reported)
    return [EventRange(backlog.outbox.service, backlog.offset + 1, last)] if last > backlog.offset else []


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
        for event in await read_events(source.outbox, offsets.get(source.name, 0), latest):
            if event.type == SequenceGapRecorded.TYPE:
                gap = decode_as(event, SequenceGapRecorded)
                recorded.setdefault(gap.service, []).append((gap.first, gap.last))
    return [
        EventRange(lost.service, first, last)
        for lost in ranges
        for first, last in subtract_ranges([(lost.first, lost.last)], recorded.get(lost.service, ()))
    ]


async def _record_unavailable(services: Services, ranges: Sequence[EventRange], actor: str) -> None:
    """Record in each source that the audit log lacks some of its events for ever."""
    for lost in ranges:
        await services.databases[lost.service].write(partial(_emit, event=lost.loss_event(actor)))


def _emit(transaction: Transaction, event: DomainEvent) -> None:
    transaction.emit(event)


async def _redeliver(module: ServiceModule, backlogs: Sequence[_Backlog]) -> int:
    """Deliver to a service what it lacks; return the number of events."""
    return sum([await _redeliver_backlog(module, backlog) for backlog in backlogs])


async def _redeliver_backlog(module: ServiceModule, backlog: _Backlog) -> int:
    """Deliver to a service what it lacks of a backlog; return the number of events."""
    delivered = 0
    async for events in read_batches(backlog.outbox, backlog.offset, backlog.reported):
        delivered += await deliver_events(backlog.subscription, events)
    record = [(backlog.subscription.consumer, backlog.outbox.service, backlog.reported)]
    await module.database.write(partial(consumer_offsets.record_all, offsets=record))
    return delivered
