"""Events of a restored source that contradict the audit log: it has others under their sequences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from envmgr.server.audit import module as audit_module
from envmgr.server.audit import store as audit_store
from envmgr.server.bootstrap.recovery.outbox_events import BATCH_EVENTS, read_events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.bootstrap.composition import Services
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.runtime.service_module import ServiceModule


@dataclass(frozen=True, slots=True)
class Contradictions:
    """The IDs of the newest events of a source whose sequence the audit log has for others, oldest first."""

    repeated: Sequence[str]
    """Those that the log has under another sequence."""
    renumbered: Sequence[str]
    """Those that the log lacks."""

    @property
    def ids(self) -> frozenset[str]:
        """Return the IDs of both kinds."""
        return frozenset((*self.repeated, *self.renumbered))


async def find_contradictions(services: Services, module: ServiceModule, latest: int) -> Contradictions:
    """Return the contradictions of a source whose latest sequence is known."""
    log = services.databases[audit_module.NAME]
    contradicting = await _contradicting_ids(log, module, latest)
    known_ids = await log.read(partial(audit_store.existing_event_ids, ids=contradicting))
    return Contradictions(
        repeated=[id_ for id_ in contradicting if id_ in known_ids],
        renumbered=[id_ for id_ in contradicting if id_ not in known_ids],
    )


async def _contradicting_ids(log: Database, module: ServiceModule, latest: int) -> list[str]:
    """Return the IDs of contradicting events, from the newest batch back to the first with an agreement."""
    contradicting: list[str] = []
    high = latest
    while high > 0:
        low = max(high - BATCH_EVENTS, 0)
        ids = {event.sequence: event.id for event in await read_events(module.outbox, low, high)}
        logged = await _logged_ids(log, module.name, low, high)
        differing = [ids[number] for number in sorted(ids) if logged.get(number, ids[number]) != ids[number]]
        contradicting = differing + contradicting
        if not ids or any(logged.get(number) == id_ for number, id_ in ids.items()):
            break
        high = low
    return contradicting


async def _logged_ids(log: Database, service: str, after: int, last: int) -> Mapping[int, str]:
    """Return by their sequences the IDs of a service's events that the audit log has."""
    entries = await log.read(
        partial(audit_store.entries_of_service, service=service, after=after, limit=last - after)
    )
    return {entry.source_sequence: entry.id for entry in entries}
