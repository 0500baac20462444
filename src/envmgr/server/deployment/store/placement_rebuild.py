"""Placements computed from deployments and their history, and compared with the projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, func, select, union

from envmgr.server.deployment.store.tables import (
    IS_CURRENT,
    app_projection,
    deployment,
    placement,
    status_entry,
)
from envmgr.server.kit.db.constructs import rows_of, upsert, values_of
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.server.kit.db.sql import Reader, Row, Transaction

    Key = tuple[int, str]

_COLUMNS = tuple(column.name for column in placement.c)
_WITH_ROWS = union(select(deployment.c.app_id), select(placement.c.app_id)).subquery()
_NEXT_APPS = Statement(
    select(_WITH_ROWS.c.app_id)
    .where(_WITH_ROWS.c.app_id > bindparam("after"))
    .order_by(_WITH_ROWS.c.app_id)
    .limit(bindparam("limit"))
)
_PLACEMENTS = Statement(
    select(placement)
    .where(placement.c.app_id > bindparam("after"), placement.c.app_id <= bindparam("last"))
    .order_by(placement.c.app_id, placement.c.environment)
)
_IN_RANGE = (deployment.c.app_id > bindparam("after"), deployment.c.app_id <= bindparam("last"))
_DEPLOYMENT_COLUMNS = (
    deployment.c.app_id,
    deployment.c.environment,
    deployment.c.app,
    deployment.c.id,
    deployment.c.version_id,
    deployment.c.tag,
    deployment.c.status,
    deployment.c.actor,
    deployment.c.updated_at,
)
_LATEST_IDS = (
    select(func.max(deployment.c.id))
    .where(*_IN_RANGE)
    .group_by(deployment.c.app_id, deployment.c.environment)
)
_LATEST = Statement(select(*_DEPLOYMENT_COLUMNS).where(deployment.c.id.in_(_LATEST_IDS)))
_CURRENT = Statement(select(*_DEPLOYMENT_COLUMNS).where(*_IN_RANGE, IS_CURRENT))
_DELETED_APPS = Statement(
    select(app_projection.c.app_id).where(
        app_projection.c.app_id > bindparam("after"),
        app_projection.c.app_id <= bindparam("last"),
        app_projection.c.deleted,
    )
)
_SUCCESSFUL_SINCE = Statement(
    select(status_entry.c.deployment_id, func.max(status_entry.c.created_at))
    .where(
        status_entry.c.deployment_id.in_(values_of("ids", status_entry.c.deployment_id)),
        status_entry.c.status == "successful",
    )
    .group_by(status_entry.c.deployment_id)
)
_WRITE = Statement(
    upsert(
        placement,
        rows_of(placement, *_COLUMNS),
        key=_COLUMNS[:2],
        update=lambda new: {name: new[name] for name in _COLUMNS[2:]},
    )
)
_REMOVE = Statement(
    delete(placement).where(
        placement.c.app_id == bindparam("target_app"),
        placement.c.environment == bindparam("target_environment"),
    )
)


def next_apps(reader: Reader, after: int, limit: int) -> list[int]:
    """Return the next IDs of apps that have deployments or placements."""
    return [int(row[0]) for row in reader.all(_NEXT_APPS, after=after, limit=limit)]


def read_stored(reader: Reader, after: int, last: int) -> dict[Key, Row]:
    """Return the placements of a range of apps, the first excluded."""
    return {(row[0], row[1]): row for row in reader.all(_PLACEMENTS, after=after, last=last)}


def compute(reader: Reader, after: int, last: int) -> dict[Key, Row]:
    """Return the placements that deployments and their history give for a range of apps."""
    deleted = {row[0] for row in reader.all(_DELETED_APPS, after=after, last=last)}
    current = {(row[0], row[1]): row for row in reader.all(_CURRENT, after=after, last=last)}
    since = _successful_since(reader, [row[3] for row in current.values()])
    return {
        (row[0], row[1]): _placement(row, current.get((row[0], row[1])), since)
        for row in reader.all(_LATEST, after=after, last=last)
        if row[0] not in deleted
    }


def write(transaction: Transaction, rows: Iterable[Row]) -> None:
    """Insert or replace placements."""
    transaction.execute_many(_WRITE, list(rows))


def remove(transaction: Transaction, app_id: int, environment: str) -> None:
    """Delete a placement."""
    transaction.execute(_REMOVE, target_app=app_id, target_environment=environment)


def _successful_since(reader: Reader, deployment_ids: list[int]) -> Mapping[int, int]:
    ids = msgspec.json.encode(deployment_ids).decode()
    return dict(reader.all(_SUCCESSFUL_SINCE, ids=ids))


def _placement(latest: Row, current: Row | None, since: Mapping[int, int]) -> Row:
    app_id, environment, app, id_, version_id, tag, status, actor, updated_at = latest
    now = (None,) * 5 if current is None else (current[3], *current[4:6], current[7], since.get(current[3]))
    return (app_id, environment, app, *now, id_, version_id, tag, status, actor, updated_at)
