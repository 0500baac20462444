"""Event handlers of the version service: apps and placements.

Each is idempotent, and late events change nothing: projections record the sequence of their last change.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from envmgr.server.contracts.events import decode_as
from envmgr.server.contracts.events.app import AppData, AppDeleted, AppUpdated
from envmgr.server.contracts.events.deployment import (
    DeploymentCreated,
    DeploymentData,
    DeploymentDeleted,
    DeploymentUpdated,
    EnvironmentDeleted,
    PlacementsRepublished,
)
from envmgr.server.contracts.events.version import VersionDeleted
from envmgr.server.contracts.fields import MAX_SAFE_INTEGER
from envmgr.server.kit.common.clock import parse_rfc3339
from envmgr.server.kit.messaging import consumer_offsets
from envmgr.server.version.domain import version_model
from envmgr.server.version.service import read_barrier
from envmgr.server.version.store import app_projection, placements, version_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

APP_CONSUMER = "version-apps"
_PLACEMENT_EVENTS = frozenset({DeploymentCreated.TYPE, DeploymentUpdated.TYPE, DeploymentDeleted.TYPE})
BATCH = 200
"""Versions of a deleted app removed in one transaction, to keep transactions short."""


def subscriptions(database: Database, dead_letters: DeadLetters) -> list[Subscription]:
    """Return the subscriptions to app and deployment events."""

    async def handle_app_events(events: Sequence[EventEnvelope]) -> None:
        for event in events:
            if event.type == AppDeleted.TYPE:
                await _remove_versions(database, event)
            else:
                await database.write(partial(_rename_app, event=event))

    async def handle_deployment_events(events: Sequence[EventEnvelope]) -> None:
        await database.write(lambda transaction: _update_placements(transaction, events))

    return [
        dead_letters.subscription(APP_CONSUMER, [AppUpdated.TYPE, AppDeleted.TYPE], handle_app_events),
        dead_letters.subscription(
            read_barrier.CONSUMER, read_barrier.SOURCE_EVENT_TYPES, handle_deployment_events
        ),
    ]


def _rename_app(transaction: Transaction, event: EventEnvelope) -> None:
    app_projection.apply_rename(transaction, _app_update(event))
    consumer_offsets.record(transaction, APP_CONSUMER, [event])


async def _remove_versions(database: Database, event: EventEnvelope) -> None:
    while await database.write(lambda transaction: _delete_batch(transaction, event)):
        pass


def _delete_batch(transaction: Transaction, event: EventEnvelope) -> bool:
    """Delete some versions of a deleted app; return whether there may be more."""
    update = _app_update(event)
    app_projection.mark_deleted(transaction, update)
    placements.delete_for_app(transaction, update.app_id)
    versions = version_rows.of_app(transaction, update.app_id, BATCH)
    for version in versions:
        version_rows.remove(transaction, version)
        transaction.emit(version_model.version_event(VersionDeleted, version, event.actor, event.traceparent))
    if len(versions) == BATCH:
        return True
    consumer_offsets.record(transaction, APP_CONSUMER, [event])
    return False


def _update_placements(transaction: Transaction, events: Sequence[EventEnvelope]) -> None:
    for event in events:
        if event.type == EnvironmentDeleted.TYPE:
            placements.clear_environment(
                transaction, event.subject.removeprefix("environment/"), event.sequence
            )
        elif event.type == PlacementsRepublished.TYPE:
            _replace_placements(transaction, event)
        elif event.type in _PLACEMENT_EVENTS:
            placements.apply_update(transaction, _placement_update(event))
    consumer_offsets.record(transaction, read_barrier.CONSUMER, events)


def _replace_placements(transaction: Transaction, event: EventEnvelope) -> None:
    data = decode_as(event, PlacementsRepublished)
    updates = [
        placements.PlacementUpdate(
            app_id=item.app_id,
            app=item.app,
            environment=item.environment,
            version_id=item.version_id,
            tag=item.tag,
            sequence=data.as_of,
        )
        for item in data.placements
    ]
    last = MAX_SAFE_INTEGER if data.last_app_id is None else data.last_app_id
    placements.replace_range(transaction, data.after_app_id, last, updates, data.as_of, event.sequence)


def _app_update(event: EventEnvelope) -> app_projection.AppUpdate:
    app = decode_as(event, AppData)
    return app_projection.AppUpdate(app.app_id, app.name, parse_rfc3339(app.updated_at), event.sequence)


def _placement_update(event: EventEnvelope) -> placements.PlacementUpdate:
    deployment = decode_as(event, DeploymentData)
    return placements.PlacementUpdate(
        app_id=deployment.app_id,
        app=deployment.app,
        environment=deployment.environment,
        version_id=deployment.current_version_id,
        tag=deployment.current_tag or "",
        sequence=event.sequence,
    )
