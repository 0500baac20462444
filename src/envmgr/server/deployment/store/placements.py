"""Projections of placements and apps, so that queries need not read the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, select, union, update

from envmgr.server.deployment.domain.deployment_model import PlacementState
from envmgr.server.deployment.store import deletion_holds, tables
from envmgr.server.kit.db.constructs import bind_columns, insert_if_absent, rows_of, upsert
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.contracts.resources import Deployment
    from envmgr.server.deployment.domain.deployment_model import DeploymentRequest
    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_PLACEMENT, _APP, _DELETED_VERSION = tables.placement, tables.app_projection, tables.deleted_version
_HERE = (
    _PLACEMENT.c.app_id == bindparam("target_app"),
    _PLACEMENT.c.environment == bindparam("target_environment"),
)
_FIND = Statement(
    select(
        _PLACEMENT.c.current_id,
        _PLACEMENT.c.current_version_id,
        _PLACEMENT.c.current_tag,
        _PLACEMENT.c.last_id,
        _PLACEMENT.c.last_version_id,
        _PLACEMENT.c.last_tag,
    ).where(*_HERE)
)
_LAST = ("last_id", "last_version_id", "last_tag", "last_status", "last_actor", "last_updated_at")
_INSERT_ATTEMPT = Statement(
    upsert(
        _PLACEMENT,
        bind_columns("app_id", "environment", "app", *_LAST),
        key=["app_id", "environment"],
        update=lambda new: {name: new[name] for name in _LAST},
    )
)
_UPDATE_ATTEMPT = Statement(
    update(_PLACEMENT)
    .where(*_HERE, _PLACEMENT.c.last_id == bindparam("deployment_id"))
    .values(last_status=bindparam("new_status"), last_updated_at=bindparam("now"))
)
_SET_CURRENT = Statement(
    update(_PLACEMENT)
    .where(*_HERE)
    .values(
        current_id=bindparam("new_id"),
        current_version_id=bindparam("new_version"),
        current_tag=bindparam("new_tag"),
        current_actor=bindparam("new_actor"),
        current_since=bindparam("new_since"),
    )
)
_RENAME_APP = Statement(
    update(_PLACEMENT).where(_PLACEMENT.c.app_id == bindparam("target_app")).values(app=bindparam("new_name"))
)
_DELETE_FOR_APP = Statement(delete(_PLACEMENT).where(_PLACEMENT.c.app_id == bindparam("target_app")))
_DEPLOYMENT = tables.deployment
_COUNT_ACTIVE_FOR_APP = Statement(
    select(func.count()).select_from(
        union(
            select(_PLACEMENT.c.environment).where(
                _PLACEMENT.c.app_id == bindparam("target_app"), _PLACEMENT.c.current_id.is_not(None)
            ),
            select(_DEPLOYMENT.c.environment).where(
                _DEPLOYMENT.c.app_id == bindparam("target_app"), tables.IS_ACTIVE
            ),
        ).subquery()
    )
)
_COUNT_ACTIVE_FOR_VERSION = Statement(
    select(func.count()).select_from(
        union(
            select(_PLACEMENT.c.app_id, _PLACEMENT.c.environment).where(
                _PLACEMENT.c.current_version_id == bindparam("target_version")
            ),
            select(_DEPLOYMENT.c.app_id, _DEPLOYMENT.c.environment).where(
                _DEPLOYMENT.c.version_id == bindparam("target_version"), tables.IS_ACTIVE
            ),
        ).subquery()
    )
)
_ROWS = select(_PLACEMENT)
_ALL = Statement(_ROWS.order_by(_PLACEMENT.c.app_id, _PLACEMENT.c.environment))
_ALL_IN = Statement(
    _ROWS.where(_PLACEMENT.c.environment == bindparam("target_environment")).order_by(_PLACEMENT.c.app_id)
)
_APP_COLUMNS = ("app_id", "name", "sequence", "deleted")
_UPSERT_APP = Statement(
    upsert(
        _APP,
        rows_of(_APP, *_APP_COLUMNS),
        key=["app_id"],
        update=lambda new: {name: new[name] for name in _APP_COLUMNS[1:]},
        where=lambda new: _APP.c.sequence < new.sequence,
    )
)
_APP_NAME = Statement(select(_APP.c.name, _APP.c.deleted).where(_APP.c.app_id == bindparam("app_id")))
_APPS = Statement(select(_APP.c.app_id, _APP.c.name).where(tables.NOT_DELETED).order_by(_APP.c.app_id))
_NAMESAKE = Statement(
    select(_APP.c.app_id).where(
        _APP.c.name == bindparam("name"), tables.NOT_DELETED, _APP.c.app_id != bindparam("app_id")
    )
)
_INSERT_APP_IF_MISSING = Statement(
    insert_if_absent(
        _APP,
        {"app_id": bindparam("app_id"), "name": bindparam("name"), "sequence": 0, "deleted": False},
        key=["app_id"],
    )
)
_MARK_DELETED = Statement(insert_if_absent(_DELETED_VERSION, bind_columns("version_id"), key=["version_id"]))
_IS_DELETED = Statement(
    select(_DELETED_VERSION.c.version_id).where(_DELETED_VERSION.c.version_id == bindparam("version_id"))
)


def get(reader: Reader, app_id: int, environment: str) -> PlacementState:
    """Return the state of a placement; an empty one if it has no row."""
    row = reader.one(_FIND, target_app=app_id, target_environment=environment)
    return PlacementState(*row) if row else PlacementState()


def record_attempt(transaction: Transaction, deployment: Deployment) -> None:
    """Record a new deployment as the latest of its placement."""
    transaction.execute(
        _INSERT_ATTEMPT,
        app_id=deployment.app_id,
        environment=deployment.environment,
        app=deployment.app,
        last_id=deployment.id,
        last_version_id=deployment.version_id,
        last_tag=deployment.tag,
        last_status=deployment.status,
        last_actor=deployment.actor,
        last_updated_at=transaction.now,
    )


def update_attempt(transaction: Transaction, deployment: Deployment) -> None:
    """Update the status of a placement's latest deployment."""
    transaction.execute(
        _UPDATE_ATTEMPT,
        target_app=deployment.app_id,
        target_environment=deployment.environment,
        deployment_id=deployment.id,
        new_status=deployment.status,
        now=transaction.now,
    )


def set_current(
    transaction: Transaction, app_id: int, environment: str, deployment: Deployment | None
) -> None:
    """Set the current deployment of a placement, or None."""
    transaction.execute(
        _SET_CURRENT,
        target_app=app_id,
        target_environment=environment,
        new_id=deployment and deployment.id,
        new_version=deployment and deployment.version_id,
        new_tag=deployment and deployment.tag,
        new_actor=deployment and deployment.actor,
        new_since=deployment and transaction.now,
    )


def rename_app(transaction: Transaction, app_id: int, name: str) -> None:
    """Update an app's name in its placements."""
    transaction.execute(_RENAME_APP, target_app=app_id, new_name=name)


def delete_for_app(transaction: Transaction, app_id: int) -> None:
    """Delete the placements of an app."""
    transaction.execute(_DELETE_FOR_APP, target_app=app_id)


def count_active_for_app(reader: Reader, app_id: int) -> int:
    """Count the placements where an app is deployed or being deployed."""
    return _count(reader.one(_COUNT_ACTIVE_FOR_APP, target_app=app_id))


def count_active_for_version(reader: Reader, version_id: int) -> int:
    """Count the placements where a version is deployed or being deployed."""
    return _count(reader.one(_COUNT_ACTIVE_FOR_VERSION, target_version=version_id))


def rows(reader: Reader, environment: str | None) -> list[Row]:
    """Return every placement by app, optionally of one environment."""
    return reader.all(_ALL) if environment is None else reader.all(_ALL_IN, target_environment=environment)


def upsert_app(
    transaction: Transaction, event: EventEnvelope, app_id: int, name: str, *, deleted: bool
) -> bool:
    """Record an app; return False if a newer change is recorded."""
    return transaction.execute_many(_UPSERT_APP, [(app_id, name, event.sequence, deleted)]) == 1


def upsert_apps(transaction: Transaction, apps: Sequence[tuple[int, str, int]]) -> None:
    """Record new apps: IDs, names and event sequences."""
    transaction.execute_many(_UPSERT_APP, [(*app, False) for app in apps])


def ensure_app(transaction: Transaction, app_id: int, name: str) -> None:
    """Insert an app whose event has not arrived yet."""
    transaction.execute(_INSERT_APP_IF_MISSING, app_id=app_id, name=name)


def is_visible(reader: Reader, app_id: int) -> bool:
    """Return whether an app is neither deleted nor being deleted."""
    return name_of(reader, app_id, "") is not None and not deletion_holds.has_hold(reader, app_id)


def visible_apps(reader: Reader, principal: Principal) -> frozenset[int] | None:
    """Return the IDs of the apps visible to a principal; None for all."""
    if principal.apps is None:
        return None
    return frozenset(app_id for app_id in principal.apps if is_visible(reader, app_id))


def visible_names(reader: Reader, principal: Principal) -> frozenset[str] | None:
    """Return the names of the apps visible to a principal; None for all."""
    visible = visible_apps(reader, principal)
    if visible is None:
        return None
    return frozenset(name for app_id in visible if (name := name_of(reader, app_id, "")))


def name_of(reader: Reader, app_id: int, otherwise: str) -> str | None:
    """Return an app's projected name; None if it is deleted."""
    row = reader.one(_APP_NAME, app_id=app_id)
    if row is None:
        return otherwise
    name, deleted = row
    return None if deleted else str(name)


def has_namesake(reader: Reader, request: DeploymentRequest) -> bool:
    """Return whether another app still has the app's name here: the event of its end has not arrived yet."""
    return reader.one(_NAMESAKE, name=request.app, app_id=request.app_id) is not None


def apps(reader: Reader) -> list[tuple[int, str]]:
    """Return all apps by ID and name."""
    return [(app_id, name) for app_id, name in reader.all(_APPS)]


def mark_version_deleted(transaction: Transaction, version_id: int) -> None:
    """Record the deletion of a version."""
    transaction.execute(_MARK_DELETED, version_id=version_id)


def is_version_deleted(reader: Reader, version_id: int) -> bool:
    """Return whether a version is deleted."""
    return reader.one(_IS_DELETED, version_id=version_id) is not None


def _count(row: Row | None) -> int:
    return int(row[0]) if row else 0
