"""Units of work that begin deployments and take them further, with all that goes along with a step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envmgr.server.contracts.events import DEPLOYMENT_CREATED, DEPLOYMENT_DELETED, DEPLOYMENT_UPDATED
from envmgr.server.contracts.resources import Rules
from envmgr.server.deployment import deletion_holds, domain, environments, placements, store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.contracts.requests import StatusNew
    from envmgr.server.contracts.resources import Deployment, Status, StatusEntry
    from envmgr.server.deployment.domain import By, Held, Order
    from envmgr.server.kit.db.sql import Reader, Transaction


def known(reader: Reader, order: Order) -> Order | None:
    """Return an order under the name that its app has here, which may be newer; None if app or version are gone."""
    name = placements.name_of(reader, order.app_id, order.app)
    if name is None or placements.is_gone(reader, order.version_id):
        return None
    return replace(order, app=name)


def begin(transaction: Transaction, order: Order) -> Deployment:
    """Begin a deployment of what is known; raise BeingDeleted, or DeploymentActive where another one is on its way."""
    if deletion_holds.is_leaving(transaction, order.app_id, order.version_id):
        raise domain.being_deleted(order)
    placements.meet(transaction, order.app_id, order.app)
    before = store.active_in(transaction, order.app_id, order.environment)
    if before is not None:
        raise domain.active(before.deployment)
    environment = environments.used(transaction, order.environment, order.by)
    entries = domain.beginning(environment.rules, order)
    status, reason, _ = entries[-1]
    deployment = store.add(transaction, order, status, reason).deployment
    for each, why, actor in entries:
        store.note(transaction, deployment.id, each, why, actor)
    placements.try_(transaction, deployment)
    _tell(transaction, DEPLOYMENT_CREATED, [deployment], order.by)
    return deployment


def advance(transaction: Transaction, held: Held, new: StatusNew, who: By) -> tuple[Deployment, StatusEntry]:
    """Take a deployment a step; raise ImpossibleStep, EnvironmentBlocked or NeedsAnother."""
    domain.require_step(held.deployment, new.status)
    environment = environments.find(transaction, held.deployment.environment)
    rules = environment.rules if environment else Rules()
    new = domain.unblocked(held.deployment, rules, new, who)
    moved = replace(held, approved_by=domain.approver(held, rules, new.status, who))
    if new.status == "successful":
        return _succeed(transaction, moved, new.reason, who)
    changed, entry = _write(transaction, moved, new.status, new.reason, who.actor)
    others = _leave(transaction, held, new.status, who) if held.deployment.status == "successful" else []
    _tell(transaction, DEPLOYMENT_UPDATED, [changed, *others], who)
    return changed, entry


def cancel(transaction: Transaction, held: Held, reason: str, who: By) -> None:
    """End a deployment that is on its way."""
    changed, _ = _write(transaction, held, "cancelled", reason, who.actor)
    _tell(transaction, DEPLOYMENT_UPDATED, [changed], who)


def retire(transaction: Transaction, held: Held, reason: str, who: By) -> None:
    """End what stands in a place, with nothing in its stead."""
    changed, _ = _write(transaction, held, "superseded", reason, who.actor)
    placements.stand(transaction, changed.app_id, changed.environment, None)
    _tell(transaction, DEPLOYMENT_UPDATED, [changed], who)


def remove(transaction: Transaction, held: Held, who: By) -> None:
    """Remove a deployment that is history only; raise DeploymentStands."""
    deployment = held.deployment
    spot = placements.spot(transaction, deployment.app_id, deployment.environment)
    domain.require_removable(deployment, spot)
    store.remove(transaction, held)
    transaction.emit(domain.happened(DEPLOYMENT_DELETED, deployment, spot, who))


def _succeed(transaction: Transaction, held: Held, reason: str, who: By) -> tuple[Deployment, StatusEntry]:
    """Make a deployment what stands in its place; what stood there is superseded first."""
    app_id, where = held.deployment.app_id, held.deployment.environment
    before = placements.spot(transaction, app_id, where).current_id
    previous = store.find(transaction, before) if before is not None else None
    others: list[Deployment] = []
    if previous is not None:
        because = f"deployment {held.deployment.id} took its place"
        others.append(_write(transaction, previous, "superseded", because, who.actor)[0])
    changed, entry = _write(transaction, replace(held, supersedes=before), "successful", reason, who.actor)
    placements.stand(transaction, app_id, where, changed)
    _tell(transaction, DEPLOYMENT_UPDATED, [*others, changed], who)
    return changed, entry


def _leave(transaction: Transaction, held: Held, status: Status, who: By) -> list[Deployment]:
    """Put in the place of what stood what it had superseded, if it was rolled back to that; return what changed."""
    fallback = _fallback(transaction, held) if status == "rolled_back" else None
    restored: list[Deployment] = []
    if fallback is not None:
        because = f"deployment {held.deployment.id} was rolled back"
        restored.append(_write(transaction, fallback, "successful", because, who.actor)[0])
    stands = restored[0] if restored else None
    placements.stand(transaction, held.deployment.app_id, held.deployment.environment, stands)
    return restored


def _fallback(reader: Reader, held: Held) -> Held | None:
    """Return the last of what a deployment superseded, one after the other, whose version exists and is to stay."""
    before = held.supersedes
    while before is not None:
        earlier = store.find(reader, before)
        if earlier is None:
            return None
        if earlier.deployment.status == "superseded" and _exists(reader, earlier.deployment):
            return earlier
        before = earlier.supersedes
    return None


def _exists(reader: Reader, deployment: Deployment) -> bool:
    name = placements.name_of(reader, deployment.app_id, deployment.app)
    if name is None or placements.is_gone(reader, deployment.version_id):
        return False
    return not deletion_holds.is_leaving(reader, deployment.app_id, deployment.version_id)


def _write(
    transaction: Transaction, held: Held, status: Status, reason: str, actor: str
) -> tuple[Deployment, StatusEntry]:
    changed = store.change(transaction, held, status, reason).deployment
    placements.follow(transaction, changed)
    return changed, store.note(transaction, changed.id, status, reason, actor)


def _tell(transaction: Transaction, type_: str, deployments: Iterable[Deployment], who: By) -> None:
    for each in deployments:
        spot = placements.spot(transaction, each.app_id, each.environment)
        transaction.emit(domain.happened(type_, each, spot, who))
