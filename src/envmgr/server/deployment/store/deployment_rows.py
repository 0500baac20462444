"""SQL of deployments and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from sqlalchemy import bindparam, delete, func, insert, select, update

from envmgr.server.contracts.resources import Deployment, StatusEntry
from envmgr.server.deployment.domain.deployment_model import ACTIVE_STATUSES, DeploymentRecord
from envmgr.server.deployment.store.tables import IS_ACTIVE, IS_CURRENT, deployment, metadata, status_entry
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.preconditions import require_updated
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.schema import Timestamp
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from envmgr.server.contracts.resources import Status
    from envmgr.server.deployment.domain.deployment_model import DeploymentRequest
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

HEAD = "0002"
"""Migration revision that this code requires."""
__all__ = ["HEAD", "metadata"]

_BY_ID = Statement(select(deployment).where(deployment.c.id == bindparam("id")))
_ACTIVE_IN = Statement(
    select(deployment).where(
        deployment.c.app_id == bindparam("app_id"),
        deployment.c.environment == bindparam("environment"),
        IS_ACTIVE,
    )
)
_ACTIVE_OF_APP = Statement(select(deployment).where(deployment.c.app_id == bindparam("app_id"), IS_ACTIVE))
_OF_VERSION = select(deployment).where(deployment.c.version_id == bindparam("version_id"))
_ACTIVE_OF_VERSION = Statement(_OF_VERSION.where(IS_ACTIVE))
_CURRENT_FOR_VERSION = Statement(_OF_VERSION.where(IS_CURRENT))
_CURRENT_FOR_APP = Statement(select(deployment).where(deployment.c.app_id == bindparam("app_id"), IS_CURRENT))
_NEW = ("version_id", "app_id", "app", "tag", "environment", "status", "reason", "actor", "user_id")
_INSERT = Statement(
    insert(deployment).values(
        {name: bindparam(name) for name in _NEW}
        | {"created_at": bindparam("now"), "updated_at": bindparam("now"), "rev": 1, "approved_by": ""}
    )
)
_UPDATE = Statement(
    update(deployment)
    .where(deployment.c.id == bindparam("deployment_id"), deployment.c.rev == bindparam("old_rev"))
    .values(
        status=bindparam("new_status"),
        reason=bindparam("new_reason"),
        updated_at=bindparam("now"),
        finished_at=func.coalesce(deployment.c.finished_at, bindparam("ended_at", type_=Timestamp)),
        approved_by=bindparam("approver"),
        supersedes=bindparam("superseded_id"),
        rev=deployment.c.rev + 1,
    )
)
_DELETE = Statement(
    delete(deployment).where(
        deployment.c.id == bindparam("deployment_id"), deployment.c.rev == bindparam("old_rev")
    )
)
_RELINK = Statement(
    update(deployment)
    .where(deployment.c.supersedes == bindparam("deployment_id"))
    .values(supersedes=bindparam("superseded_id"))
)
_RENAME = Statement(
    update(deployment)
    .where(deployment.c.app_id == bindparam("target_app"), deployment.c.app != bindparam("new_name"))
    .values(app=bindparam("new_name"), rev=deployment.c.rev + 1)
)
_ANY_IN = Statement(
    select(deployment.c.id).where(deployment.c.environment == bindparam("environment")).limit(1)
)
_INSERT_STATUS_ENTRY = Statement(
    insert(status_entry).values(
        {name: bindparam(name) for name in ("deployment_id", "status", "reason", "actor", "created_at")}
    )
)
_DEPLOYMENTS = PagedQuery(
    select(deployment),
    key=deployment.c.id,
    sorts={
        "id": deployment.c.id,
        "created_at": deployment.c.created_at,
        "updated_at": deployment.c.updated_at,
        "environment": deployment.c.environment,
        "status": deployment.c.status,
    },
    filters={
        **{name: deployment.c[name] for name in ("app_id", "environment", "status", "version_id", "actor")},
        "app": deployment.c.app_id,
    },
    app=deployment.c.app_id,
)
_STATUSES = PagedQuery(
    select(status_entry).where(status_entry.c.deployment_id == bindparam("deployment_id")),
    key=status_entry.c.id,
    sorts={"id": status_entry.c.id},
)


def find(reader: Reader, deployment_id: int) -> DeploymentRecord | None:
    """Return a deployment."""
    row = reader.one(_BY_ID, id=deployment_id)
    return _record(row) if row else None


def active_in(reader: Reader, app_id: int, environment_name: str) -> DeploymentRecord | None:
    """Return the active deployment of a placement."""
    row = reader.one(_ACTIVE_IN, app_id=app_id, environment=environment_name)
    return _record(row) if row else None


def active_of_app(reader: Reader, app_id: int) -> list[DeploymentRecord]:
    """Return the active deployments of an app."""
    return [_record(row) for row in reader.all(_ACTIVE_OF_APP, app_id=app_id)]


def active_of_version(reader: Reader, version_id: int) -> list[DeploymentRecord]:
    """Return the active deployments of a version."""
    return [_record(row) for row in reader.all(_ACTIVE_OF_VERSION, version_id=version_id)]


def current_for_app(reader: Reader, app_id: int) -> list[DeploymentRecord]:
    """Return the current deployments of an app."""
    return [_record(row) for row in reader.all(_CURRENT_FOR_APP, app_id=app_id)]


def current_for_version(reader: Reader, version_id: int) -> list[DeploymentRecord]:
    """Return the current deployments of a version."""
    return [_record(row) for row in reader.all(_CURRENT_FOR_VERSION, version_id=version_id)]


def page(reader: Reader, paging: PageRequest, apps: frozenset[int] | None) -> Page[Deployment]:
    """Return a page of deployments, optionally of some apps only."""
    return _DEPLOYMENTS.page(reader, paging, _deployment, apps)


def add(
    transaction: Transaction, request: DeploymentRequest, status: Status, reason: str
) -> DeploymentRecord:
    """Insert a deployment; raise UniqueViolation if another is active."""
    id_ = transaction.insert(
        _INSERT,
        version_id=request.version_id,
        app_id=request.app_id,
        app=request.app,
        tag=request.tag,
        environment=request.environment,
        status=status,
        reason=reason,
        actor=request.initiator.actor,
        user_id=request.initiator.user_id,
        now=transaction.now,
    )
    at = rfc3339(transaction.now)
    new = Deployment(
        id=id_,
        version_id=request.version_id,
        app_id=request.app_id,
        app=request.app,
        tag=request.tag,
        environment=request.environment,
        status=status,
        reason=reason,
        actor=request.initiator.actor,
        created_at=at,
        updated_at=at,
        finished_at=None,
        rev=1,
    )
    return DeploymentRecord(new, request.initiator.user_id)


def update_status(
    transaction: Transaction, old: DeploymentRecord, status: Status, reason: str
) -> DeploymentRecord:
    """Update a deployment's status; it is finished when it first becomes inactive."""
    was = old.deployment
    at = rfc3339(transaction.now)
    new = replace(
        was,
        status=status,
        reason=reason,
        updated_at=at,
        finished_at=None if status in ACTIVE_STATUSES else was.finished_at or at,
        rev=was.rev + 1,
    )
    count = transaction.execute(
        _UPDATE,
        deployment_id=was.id,
        old_rev=was.rev,
        new_status=status,
        new_reason=new.reason,
        now=transaction.now,
        ended_at=None if status in ACTIVE_STATUSES else transaction.now,
        approver=old.approved_by,
        superseded_id=old.supersedes,
    )
    require_updated(count)
    return DeploymentRecord(new, old.user_id, old.approved_by, old.supersedes)


def remove(transaction: Transaction, record: DeploymentRecord) -> None:
    """Delete a deployment and relink the supersession chain; its history stays."""
    deployment_id, old_rev = record.deployment.id, record.deployment.rev
    transaction.execute(_RELINK, deployment_id=deployment_id, superseded_id=record.supersedes)
    require_updated(transaction.execute(_DELETE, deployment_id=deployment_id, old_rev=old_rev))


def rename(transaction: Transaction, app_id: int, name: str) -> None:
    """Update an app's name in all its deployments."""
    transaction.execute(_RENAME, target_app=app_id, new_name=name)


def has_any_in(reader: Reader, environment_name: str) -> bool:
    """Return whether an environment ever had a deployment."""
    return reader.one(_ANY_IN, environment=environment_name) is not None


def add_status_entry(
    transaction: Transaction, deployment_id: int, status: Status, reason: str, actor: str
) -> StatusEntry:
    """Append to a deployment's history."""
    id_ = transaction.insert(
        _INSERT_STATUS_ENTRY,
        deployment_id=deployment_id,
        status=status,
        reason=reason,
        actor=actor,
        created_at=transaction.now,
    )
    return _entry((id_, deployment_id, status, reason, actor, transaction.now))


def statuses(reader: Reader, deployment_id: int, paging: PageRequest) -> Page[StatusEntry]:
    """Return a page of a deployment's history."""
    return _STATUSES.page(reader, paging, _entry, values={"deployment_id": deployment_id})


def _record(row: Row) -> DeploymentRecord:
    return DeploymentRecord(_deployment(row), *row[13:16])


def _deployment(row: Row) -> Deployment:
    (
        id_,
        version_id,
        app_id,
        app,
        tag,
        where,
        status,
        reason,
        actor,
        created_at,
        updated_at,
        finished_at,
        rev,
    ) = row[:13]
    return Deployment(
        id=id_,
        version_id=version_id,
        app_id=app_id,
        app=app,
        tag=tag,
        environment=where,
        status=status,
        reason=reason,
        actor=actor,
        created_at=rfc3339(created_at),
        updated_at=rfc3339(updated_at),
        finished_at=None if finished_at is None else rfc3339(finished_at),
        rev=rev,
    )


def _entry(row: Row) -> StatusEntry:
    id_, deployment_id, status, reason, actor, created_at = row
    return StatusEntry(
        id=id_,
        deployment_id=deployment_id,
        status=status,
        reason=reason,
        actor=actor,
        created_at=rfc3339(created_at),
    )
