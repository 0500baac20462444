"""Units of work that create, change and delete environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.events.deployment import (
    EnvironmentCreated,
    EnvironmentDeleted,
    EnvironmentUpdated,
)
from envmgr.server.contracts.requests import EnvironmentPut
from envmgr.server.deployment.domain import deployment_model, environment_rules
from envmgr.server.deployment.store import deployment_rows, environment_rows
from envmgr.server.kit.common.preconditions import etag_of, require_match
from envmgr.server.kit.common.problems import PreconditionFailed
from envmgr.server.kit.common.results import Result

if TYPE_CHECKING:
    from envmgr.server.contracts.requests import EnvironmentPatch
    from envmgr.server.contracts.resources import Environment
    from envmgr.server.deployment.domain.deployment_model import Initiator
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.db.sql import Reader, Transaction


def get(reader: Reader, name: str) -> Environment:
    """Return an environment; raise NotFound."""
    environment = environment_rows.find(reader, name)
    if environment is None:
        raise environment_rules.environment_not_found(name)
    return environment


def get_or_create(transaction: Transaction, name: str, initiator: Initiator) -> Environment:
    """Return an environment, created if this is its first use."""
    return (
        environment_rows.find(transaction, name)
        or _add(transaction, name, environment_rules.infer_tier(name), initiator)
        or get(transaction, name)
    )


def create(transaction: Transaction, context: RequestContext, name: str, put: EnvironmentPut) -> Environment:
    """Create an environment; raise AlreadyExists."""
    new = _add(transaction, name, put, deployment_model.initiator(context))
    if new is None:
        raise environment_rules.name_taken(name)
    return new


def upsert(
    transaction: Transaction, context: RequestContext, name: str, put: EnvironmentPut
) -> Result[Environment]:
    """Replace an environment, or create it."""
    old = environment_rows.find(transaction, name)
    if old is None and context.if_match is not None:
        raise PreconditionFailed(f"environment {name!r} was deleted; retry")
    if old is None and (new := _add(transaction, name, put, deployment_model.initiator(context))):
        return Result(new)
    old = old or get(transaction, name)
    return Result(_change(transaction, context, old, put), created=False)


def change(
    transaction: Transaction, context: RequestContext, name: str, patch: EnvironmentPatch
) -> Environment:
    """Update an environment."""
    old = get(transaction, name)
    return _change(transaction, context, old, environment_rules.apply_patch(old, patch))


def rename_app_in_rules(
    transaction: Transaction, old_name: str, new_name: str | None, initiator: Initiator
) -> None:
    """Rename an app in the rules about it; without a new name, remove those rules."""
    for old in environment_rows.list_all(transaction):
        put = EnvironmentPut(
            tier=old.tier,
            sort_order=old.sort_order,
            rules=environment_rules.with_renamed_app(old.rules, old_name, new_name),
        )
        if environment_rules.has_changes(old, put):
            _write(transaction, old, put, initiator)


def remove(transaction: Transaction, context: RequestContext, name: str) -> None:
    """Delete an environment; raise EnvironmentInUse if it has deployments."""
    old = get(transaction, name)
    require_match(context, etag_of(old))
    if deployment_rows.has_any_in(transaction, old.name):
        raise environment_rules.in_use(name)
    environment_rows.delete(transaction, old)
    transaction.emit(
        environment_rules.environment_event(EnvironmentDeleted, old, deployment_model.initiator(context))
    )


def _add(
    transaction: Transaction, name: str, put: EnvironmentPut, initiator: Initiator
) -> Environment | None:
    """Create an environment with its event; return None where the name is taken."""
    new = environment_rows.insert(transaction, name, put)
    if new is not None:
        transaction.emit(environment_rules.environment_event(EnvironmentCreated, new, initiator))
    return new


def _change(
    transaction: Transaction, context: RequestContext, old: Environment, put: EnvironmentPut
) -> Environment:
    require_match(context, etag_of(old))
    if not environment_rules.has_changes(old, put):
        return old
    return _write(transaction, old, put, deployment_model.initiator(context))


def _write(
    transaction: Transaction, old: Environment, put: EnvironmentPut, initiator: Initiator
) -> Environment:
    new = environment_rows.update(transaction, old, put)
    transaction.emit(environment_rules.environment_event(EnvironmentUpdated, new, initiator))
    return new
