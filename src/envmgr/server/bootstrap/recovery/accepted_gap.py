"""Recovery of a service whose database was restored to an earlier state than the others.

As a consumer, it receives again what it lacks, from the outboxes of the others. As a source, it continues its sequence
after what the others have received, and records the gap as an event, which the audit log receives like every other.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from envmgr.kit.errors import EnvmgrError
from envmgr.server.audit import module as audit_module
from envmgr.server.audit import store as audit_store
from envmgr.server.bootstrap.recovery.contradictions import find_contradictions
from envmgr.server.bootstrap.recovery.event_range import EventRange
from envmgr.server.bootstrap.recovery.missed_events import receive_missed_events
from envmgr.server.bootstrap.recovery.outbox_events import BATCH_EVENTS, deliver_events, read_batches
from envmgr.server.kit.common.events import source_of
from envmgr.server.kit.messaging import sequence_gap

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from envmgr.server.bootstrap.backend import DatabaseBackend
    from envmgr.server.bootstrap.composition import Services
    from envmgr.server.bootstrap.recovery.contradictions import Contradictions
    from envmgr.server.bootstrap.recovery.missed_events import MissedEvents
    from envmgr.server.contracts.resources import AuditEntry
    from envmgr.server.kit.db.sql import Transaction
    from envmgr.server.kit.runtime.service_module import ServiceModule

MAX_LISTED_ENTRIES = 20
SKIPPED_IDS = 1000
"""IDs that are left out in addition to those of lost events: no consumer received the last ones."""
_ID = re.compile(r"/(\d{1,16})$")


@dataclass(frozen=True, slots=True)
class LostEvents:
    """Events that a service lost, as far as the audit log has them."""

    entries: int
    first_entries: Sequence[AuditEntry]
    highest_id: int
    """The highest ID of a resource in any of them."""


@dataclass(frozen=True, slots=True)
class SkippedSequence:
    """A gap that a service made in its sequence."""

    gap: EventRange
    """The events that the service lost, recorded as such."""
    lost: LostEvents


@dataclass(frozen=True, slots=True)
class RecoveryResult:
    """Result of a recovery."""

    missed: MissedEvents
    """Events of others that the service lacked."""
    skipped: SkippedSequence | None
    """What it did to its own sequence; None if the others have none of its events that it lost or that differ."""


async def accept_gap(
    services: Services, backend: DatabaseBackend, service: str, actor: str
) -> RecoveryResult:
    """Connect a restored database with the others again; no other process may use them.

    Every step may be repeated: after an interruption, the next call completes it. Raise EnvmgrError.
    """
    module = next(module for module in services.modules if module.name == service)
    missed = await receive_missed_events(services, module, actor)
    skipped = await _skip_lost_sequences(services, backend, module, actor)
    if skipped is None and not missed.has_events:
        raise EnvmgrError(
            f"the database of {service} lacks nothing that others have received",
            "start the server; if it is not ready, read the reason in `/readyz`",
        )
    return RecoveryResult(missed, skipped)


async def _skip_lost_sequences(
    services: Services, backend: DatabaseBackend, module: ServiceModule, actor: str
) -> SkippedSequence | None:
    """Continue the sequence of a source after what others have received; None if that needs nothing."""
    latest, received = await module.outbox.latest_sequence(), await _received_sequence(services, module)
    contradictions = await find_contradictions(services, module, latest)
    if received <= latest and not contradictions.ids:
        return None
    await _deliver_pending(services, module, contradictions.ids)
    lost = await _lost_events(services, module.name, latest - len(contradictions.ids))
    skipped_ids = max(received - latest, 0) + SKIPPED_IDS
    await asyncio.to_thread(backend.target(module.name).skip_ids, lost.highest_id, skipped_ids)
    gap = await module.database.write(
        partial(
            _record_gap,
            service=module.name,
            received=received,
            actor=actor,
            contradictions=contradictions,
        )
    )
    return SkippedSequence(gap, lost)


def _record_gap(
    transaction: Transaction, service: str, received: int, actor: str, contradictions: Contradictions
) -> EventRange:
    first, last = sequence_gap.skip_to(
        transaction, received, repeated=contradictions.repeated, renumbered=contradictions.renumbered
    )
    gap = EventRange(service, first, last)
    transaction.emit(gap.loss_event(actor))
    return gap


async def _received_sequence(services: Services, module: ServiceModule) -> int:
    """Return the highest sequence that a consumer or the broker has; raise ServiceUnavailable."""
    offsets = await services.consumer_lag.offsets(module.name)
    await services.bus.start()
    try:
        position = await services.bus.position(source_of(module.name))
    finally:
        await services.bus.stop()
    return max([*offsets.values(), position.sequence if position else 0])


async def _deliver_pending(services: Services, module: ServiceModule, excluded: Collection[str]) -> None:
    """Deliver what the restored outbox has pending: it was relayed after the copy was made."""
    after = await module.outbox.acknowledged_sequence()
    latest = await module.outbox.latest_sequence()
    async for events in read_batches(module.outbox, after, latest):
        pending = [event for event in events if event.id not in excluded]
        for receiver in services.modules:
            for subscription in receiver.subscriptions:
                await deliver_events(subscription, pending)


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
