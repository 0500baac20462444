"""Idempotent event handlers: app and version changes, and auto-deployment."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from envmgr.server.contracts.events import decode_as
from envmgr.server.contracts.events.app import AppCreated, AppData, AppDeleted, AppUpdated
from envmgr.server.contracts.events.version import VersionCreated, VersionData, VersionDeleted
from envmgr.server.deployment.domain import deployment_model, environment_rules
from envmgr.server.deployment.domain.deployment_model import AUTO_ACTOR, DeploymentRequest, Initiator
from envmgr.server.deployment.service import environments, transitions
from envmgr.server.deployment.store import deletion_holds, deployment_rows, environment_rows, placements
from envmgr.server.kit.messaging.inbox import filter_unprocessed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envmgr.server.contracts.resources import AutoDeploy, Deployment, Environment
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


def _auto_deploy(transaction: Transaction, events: Iterable[EventEnvelope]) -> None:
    """Deploy new versions by the rules of environments, which are read once per batch."""
    targets = [item for item in environment_rows.list_all(transaction) if item.rules.auto_deploy]
    for request in map(_deployment_request, events):
        if targets:
            _apply_rules(transaction, request, targets)


def _apply_rules(
    transaction: Transaction, request: DeploymentRequest, targets: Iterable[Environment]
) -> None:
    resolved = transitions.resolve_request(transaction, request)
    if resolved is None:
        return
    for environment in targets:
        rule = environment_rules.matching_rule(environment.rules, resolved.app, resolved.tag)
        if rule is not None:
            reason = environment_rules.rule_label(environment.name, rule)
            request = replace(resolved, environment=environment.name, reason=reason)
            if rule.app != environment_rules.WILDCARD and placements.has_namesake(transaction, resolved):
                _skip(transaction, request, rule)
            else:
                _deploy(transaction, request, rule)


def _skip(transaction: Transaction, request: DeploymentRequest, rule: AutoDeploy) -> None:
    """Record that a rule about an app does not apply to another one that took its name."""
    reason = f"the rule is about another app, formerly named {request.app}"
    transaction.emit(environment_rules.auto_deploy_skipped_event(request, rule, reason, None))


def _deploy(transaction: Transaction, request: DeploymentRequest, rule: AutoDeploy) -> None:
    """Deploy a version by rule, superseding an older one by rule that has not started."""
    placement = placements.get(transaction, request.app_id, request.environment)
    record = deployment_rows.active_in(transaction, request.app_id, request.environment)
    active = record.deployment if record else None
    reason = environment_rules.skip_reason(request, placement, active)
    if deletion_holds.has_hold(transaction, request.app_id, request.version_id):
        reason = deployment_model.deletion_message(request)
    if not reason and active is not None and not _is_superseded_by_rule(active):
        reason = f"deployment {active.id} is {active.status}"
    if reason:
        transaction.emit(
            environment_rules.auto_deploy_skipped_event(request, rule, reason, active.id if active else None)
        )
        return
    if record is not None:
        transitions.cancel(transaction, record, f"superseded by version {request.tag}", request.initiator)
    transitions.create(transaction, request)


def _is_superseded_by_rule(active: Deployment) -> bool:
    return active.actor == AUTO_ACTOR and active.status in deployment_model.WAITING_STATUSES


def _deployment_request(event: EventEnvelope) -> DeploymentRequest:
    """Return the request for a new version, without its environment."""
    version = decode_as(event, VersionData)
    initiator = Initiator(AUTO_ACTOR, traceparent=event.traceparent)
    return DeploymentRequest(version.version_id, version.app_id, version.app, version.tag, "", "", initiator)


def _initiator(event: EventEnvelope) -> Initiator:
    return Initiator("system:deployment", traceparent=event.traceparent)


_HANDLERS: dict[str, Handler] = {
    AppCreated.TYPE: _upsert_apps,
    AppUpdated.TYPE: _for_each(_on_app_updated),
    AppDeleted.TYPE: _for_each(_on_app_deleted),
    VersionCreated.TYPE: _auto_deploy,
    VersionDeleted.TYPE: _for_each(_on_version_deleted),
}
