"""Units of work that create deployments and change their status, with all dependent rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envmgr.server.contracts.events.deployment import DeploymentCreated, DeploymentDeleted, DeploymentUpdated
from envmgr.server.contracts.resources import Rules
from envmgr.server.deployment.domain import deployment_model
from envmgr.server.deployment.service import environments
from envmgr.server.deployment.store import deletion_holds, deployment_rows, environment_rows, placements
from envmgr.server.kit.db.sql import UniqueViolation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.contracts.events.deployment import DeploymentData
    from envmgr.server.contracts.requests import StatusCreate
    from envmgr.server.contracts.resources import Deployment, Status, StatusEntry
    from envmgr.server.deployment.domain.deployment_model import (
        DeploymentRecord,
        DeploymentRequest,
        Initiator,
    )
    from envmgr.server.kit.db.sql import Reader, Transaction


def resolve_request(reader: Reader, request: DeploymentRequest) -> DeploymentRequest | None:
    """Return a request with the app's current name; None if the app or version is deleted."""
    name = placements.name_of(reader, request.app_id, request.app)
    if name is None or placements.is_version_deleted(reader, request.version_id):
        return None
    return replace(request, app=name)


def create(transaction: Transaction, request: DeploymentRequest) -> Deployment:
    """Create a deployment; raise BeingDeleted, or DeploymentActive if another is active."""
    if deletion_holds.has_hold(transaction, request.app_id, request.version_id):
        raise deployment_model.being_deleted(request)
    placements.ensure_app(transaction, request.app_id, request.app)
    environment = environments.get_or_create(transaction, request.environment, request.initiator)
    request = replace(request, environment=environment.name)
    before = deployment_rows.active_in(transaction, request.app_id, environment.name)
    if before is not None:
        raise deployment_model.already_active(before.deployment)
    entries = deployment_model.initial_statuses(environment.rules, request)
    status, reason, _ = entries[-1]
    try:
        deployment = deployment_rows.add(transaction, request, status, reason).deployment
    except UniqueViolation:
        raise deployment_model.concurrently_active(request) from None
    for item, why, actor in entries:
        deployment_rows.add_status_entry(transaction, deployment.id, item, why, actor)
    placements.record_attempt(transaction, deployment)
    _emit(transaction, DeploymentCreated, [deployment], request.initiator)
    return deployment


def transition(
    transaction: Transaction, record: DeploymentRecord, new: StatusCreate, initiator: Initiator
) -> tuple[Deployment, StatusEntry]:
    """Move a deployment to a status; raise InvalidTransition, EnvironmentBlocked or SelfApprovalForbidden."""
    deployment_model.require_transition(record.deployment, new.status)
    environment = environment_rows.find(transaction, record.deployment.environment)
    rules = environment.rules if environment else Rules()
    new = deployment_model.apply_block(record.deployment, rules, new, initiator)
    moved = replace(
        record, approved_by=deployment_model.resolve_approver(record, rules, new.status, initiator)
    )
    if new.status == "successful":
        return _complete(transaction, moved, new.reason, initiator)
    changed, entry = _write(transaction, moved, new.status, new.reason, initiator.actor)
    others = (
        _vacate(transaction, record, new.status, initiator)
        if record.deployment.status == "successful"
        else []
    )
    _emit(transaction, DeploymentUpdated, [changed, *others], initiator)
    return changed, entry


def cancel(transaction: Transaction, record: DeploymentRecord, reason: str, initiator: Initiator) -> None:
    """Cancel an active deployment."""
    changed, _ = _write(transaction, record, "cancelled", reason, initiator.actor)
    _emit(transaction, DeploymentUpdated, [changed], initiator)


def retire(transaction: Transaction, record: DeploymentRecord, reason: str, initiator: Initiator) -> None:
    """Retire the current deployment of a placement without a successor."""
    changed, _ = _write(transaction, record, "superseded", reason, initiator.actor)
    placements.set_current(transaction, changed.app_id, changed.environment, None)
    _emit(transaction, DeploymentUpdated, [changed], initiator)


def delete(transaction: Transaction, record: DeploymentRecord, initiator: Initiator) -> None:
    """Delete an inactive, superseded deployment; raise DeploymentInUse."""
    deployment = record.deployment
    placement = placements.get(transaction, deployment.app_id, deployment.environment)
    deployment_model.require_removable(deployment, placement)
    deployment_rows.remove(transaction, record)
    transaction.emit(deployment_model.deployment_event(DeploymentDeleted, deployment, placement, initiator))


def _complete(
    transaction: Transaction, record: DeploymentRecord, reason: str, initiator: Initiator
) -> tuple[Deployment, StatusEntry]:
    """Create a deployment current, and supersede the previous one."""
    app_id, where = record.deployment.app_id, record.deployment.environment
    before = placements.get(transaction, app_id, where).current_id
    previous = deployment_rows.find(transaction, before) if before is not None else None
    others: list[Deployment] = []
    if previous is not None:
        reason = f"superseded by deployment {record.deployment.id}"
        others.append(_write(transaction, previous, "superseded", reason, initiator.actor)[0])
    changed, entry = _write(
        transaction, replace(record, supersedes=before), "successful", reason, initiator.actor
    )
    placements.set_current(transaction, app_id, where, changed)
    _emit(transaction, DeploymentUpdated, [*others, changed], initiator)
    return changed, entry


def _vacate(
    transaction: Transaction, record: DeploymentRecord, status: Status, initiator: Initiator
) -> list[Deployment]:
    """Restore the deployment that a rolled-back one superseded; return what changed."""
    fallback = _rollback_target(transaction, record) if status == "rolled_back" else None
    restored: list[Deployment] = []
    if fallback is not None:
        reason = f"restored: deployment {record.deployment.id} was rolled back"
        restored.append(_write(transaction, fallback, "successful", reason, initiator.actor)[0])
    current = restored[0] if restored else None
    placements.set_current(transaction, record.deployment.app_id, record.deployment.environment, current)
    return restored


def _rollback_target(reader: Reader, record: DeploymentRecord) -> DeploymentRecord | None:
    """Return the latest superseded deployment whose version still exists."""
    before = record.supersedes
    while before is not None:
        earlier = deployment_rows.find(reader, before)
        if earlier is None:
            return None
        if earlier.deployment.status == "superseded" and _is_deployable(reader, earlier.deployment):
            return earlier
        before = earlier.supersedes
    return None


def _is_deployable(reader: Reader, deployment: Deployment) -> bool:
    name = placements.name_of(reader, deployment.app_id, deployment.app)
    if name is None or placements.is_version_deleted(reader, deployment.version_id):
        return False
    return not deletion_holds.has_hold(reader, deployment.app_id, deployment.version_id)


def _write(
    transaction: Transaction, record: DeploymentRecord, status: Status, reason: str, actor: str
) -> tuple[Deployment, StatusEntry]:
    changed = deployment_rows.update_status(transaction, record, status, reason).deployment
    placements.update_attempt(transaction, changed)
    return changed, deployment_rows.add_status_entry(transaction, changed.id, status, reason, actor)


def _emit(
    transaction: Transaction,
    kind: type[DeploymentData],
    deployments: Iterable[Deployment],
    initiator: Initiator,
) -> None:
    for item in deployments:
        placement = placements.get(transaction, item.app_id, item.environment)
        transaction.emit(deployment_model.deployment_event(kind, item, placement, initiator))
