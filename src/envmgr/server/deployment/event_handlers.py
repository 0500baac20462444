"""Idempotent event handlers: app and version changes; new versions enqueue their auto-deployment."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from envmgr.server.contracts.events import decode_as
from envmgr.server.contracts.events.app import AppCreated, AppData, AppDeleted, AppUpdated
from envmgr.server.contracts.events.version import VersionCreated, VersionData, VersionDeleted
from envmgr.server.deployment.domain.deployment_model import Initiator
from envmgr.server.deployment.service import auto_deploy, environments, transitions
from envmgr.server.deployment.service.auto_deploy import NewVersion
from envmgr.server.deployment.store import deletion_holds, deployment_rows, placements
from envmgr.server.kit.messaging.inbox import filter_unprocessed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

    Handler = Callable[[Transaction, Iterable[EventEnvelope]], None]

CONSUMER = "deployment"
BATCH_SIZE = 64
"""Events in one transaction: few, because requests wait for it."""


def subscriptions(database: Database, dead_letters: DeadLetters) -> list[Subscription]:
    """Return the subscriptions to app and version events."""

    async def handle(events: Sequence[EventEnvelope]) -> None:
        for start in range(0, len(events), BATCH_SIZE):
            await database.write(partial(_process_batch, events=events[start : start + BATCH_SIZE]))

    return [dead_letters.subscription(CONSUMER, _HANDLERS, handle)]


def _process_batch(transaction: Transaction, events: Sequence[EventEnvelope]) -> None:
    for type_, batch in groupby(filter_unprocessed(transaction, CONSUMER, events), lambda event: event.type):
        _HANDLERS[type_](transaction, batch)


def _for_each(handle: Callable[[Transaction, EventEnvelope], None]) -> Handler:
    """Return the handler of several events that handles them one by one."""

    def handle_all(transaction: Transaction, events: Iterable[EventEnvelope]) -> None:
        for event in events:
            handle(transaction, event)

    return handle_all


def _upsert_apps(transaction: Transaction, events: Iterable[EventEnvelope]) -> None:
    """Record new apps in one statement: none has an older name here."""
    apps = [(decode_as(event, AppData), event.sequence) for event in events]
    placements.upsert_apps(transaction, [(app.app_id, app.name, sequence) for app, sequence in apps])


def _on_app_updated(transaction: Transaction, event: EventEnvelope) -> None:
    app = decode_as(event, AppData)
    previous_name = placements.name_of(transaction, app.app_id, app.name)
    if placements.upsert_app(transaction, event, app.app_id, app.name, deleted=False):
        if previous_name is not None and previous_name != app.name:
            environments.rename_app_in_rules(transaction, previous_name, app.name, _initiator(event))
        placements.rename_app(transaction, app.app_id, app.name)
        deployment_rows.rename(transaction, app.app_id, app.name)


def _on_app_deleted(transaction: Transaction, event: EventEnvelope) -> None:
    """Cancel the active deployments of a deleted app, clear its placements and rules; the history stays."""
    app = decode_as(event, AppData)
    previous_name = placements.name_of(transaction, app.app_id, app.name)
    if not placements.upsert_app(transaction, event, app.app_id, app.name, deleted=True):
        return
    deletion_holds.release_for_app(transaction, app.app_id)
    initiator, reason = _initiator(event), f"app {app.name} deleted"
    for record in deployment_rows.active_of_app(transaction, app.app_id):
        transitions.cancel(transaction, record, reason, initiator)
    for record in deployment_rows.current_for_app(transaction, app.app_id):
        transitions.retire(transaction, record, reason, initiator)
    placements.delete_for_app(transaction, app.app_id)
    environments.rename_app_in_rules(transaction, previous_name or app.name, None, initiator)


def _on_version_deleted(transaction: Transaction, event: EventEnvelope) -> None:
    """Cancel active deployments; retire current ones, if the app was deleted or concurrently deployed."""
    version = decode_as(event, VersionData)
    placements.mark_version_deleted(transaction, version.version_id)
    deletion_holds.release_for_version(transaction, version.version_id)
    initiator, reason = _initiator(event), f"version {version.app}@{version.tag} deleted"
    for record in deployment_rows.active_of_version(transaction, version.version_id):
        transitions.cancel(transaction, record, reason, initiator)
    for record in deployment_rows.current_for_version(transaction, version.version_id):
        transitions.retire(transaction, record, reason, initiator)


def _enqueue_auto_deploy(transaction: Transaction, events: Iterable[EventEnvelope]) -> None:
    """Enqueue the deployment of new versions by the rules of environments."""
    auto_deploy.enqueue(transaction, map(_new_version, events))


def _new_version(event: EventEnvelope) -> NewVersion:
    version = decode_as(event, VersionData)
    return NewVersion(version.version_id, version.app_id, version.app, version.tag, event.traceparent)


def _initiator(event: EventEnvelope) -> Initiator:
    return Initiator("system:deployment", traceparent=event.traceparent)


_HANDLERS: dict[str, Handler] = {
    AppCreated.TYPE: _upsert_apps,
    AppUpdated.TYPE: _for_each(_on_app_updated),
    AppDeleted.TYPE: _for_each(_on_app_deleted),
    VersionCreated.TYPE: _enqueue_auto_deploy,
    VersionDeleted.TYPE: _for_each(_on_version_deleted),
}
