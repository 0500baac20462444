"""Rebuild of projections from deployments and their history, a range of apps in each unit of work.

Requests go on meanwhile: units of work behave as if serial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.events.deployment import CurrentPlacement, PlacementsRepublished
from envmgr.server.contracts.fields import MAX_SAFE_INTEGER
from envmgr.server.deployment.store import placement_rebuild
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.jobs.batch_job import Batch
from envmgr.server.kit.messaging.outbox import numbered_sequence

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Row, Transaction

APPS_PER_STEP = 50
ACTOR = "system:rebuild"


def rebuild_matrix(transaction: Transaction, after: int) -> Batch:
    """Correct the placements of the next apps; return how many differed."""
    apps = placement_rebuild.next_apps(transaction, after, APPS_PER_STEP)
    if not apps:
        return Batch(None, 0)
    stored = placement_rebuild.read_stored(transaction, after, apps[-1])
    computed = placement_rebuild.compute(transaction, after, apps[-1])
    different = [row for key, row in computed.items() if stored.get(key) != row]
    placement_rebuild.write(transaction, different)
    unfounded = stored.keys() - computed.keys()
    for app_id, environment in unfounded:
        placement_rebuild.remove(transaction, app_id, environment)
    return Batch(apps[-1], len(different) + len(unfounded))


def republish_placements(transaction: Transaction, after: int) -> Batch:
    """Emit the current placements of the next apps, for the projections of other services."""
    sequence = numbered_sequence(transaction)
    apps = placement_rebuild.next_apps(transaction, after, APPS_PER_STEP)
    last = apps[-1] if len(apps) == APPS_PER_STEP else None
    rows = placement_rebuild.compute(transaction, after, MAX_SAFE_INTEGER if last is None else last)
    data = PlacementsRepublished(
        after_app_id=after,
        last_app_id=last,
        as_of=sequence,
        placements=tuple(_current(row) for _, row in sorted(rows.items()) if row[3] is not None),
    )
    transaction.emit(DomainEvent(subject="service/deployment", data=data, actor=ACTOR))
    return Batch(last, len(data.placements))


def _current(row: Row) -> CurrentPlacement:
    app_id, environment, app, _, version_id, tag = row[:6]
    return CurrentPlacement(app_id=app_id, app=app, environment=environment, version_id=version_id, tag=tag)
