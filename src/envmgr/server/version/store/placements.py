"""Projection of placements and their tools, read by usage only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, false, func, insert, literal, select, tuple_, update

from envmgr.server.contracts.resources import ToolUse
from envmgr.server.kit.db.constructs import bind_columns, upsert
from envmgr.server.kit.db.sql import Statement
from envmgr.server.version.store import app_projection
from envmgr.server.version.store.tables import placement, placement_tool, toolchain_tool, version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import BindParameter, Select, Table

    from envmgr.server.kit.db.sql import Reader, Row, Transaction

EMPTY, UNLOCKED, LOCKED = 0, 1, 2
"""The states of a placement: empty, a version without a lock, a version with a lock."""

_FIND = Statement(
    select(placement.c.version_id, placement.c.sequence).where(
        placement.c.app_id == bindparam("app_id"), placement.c.environment == bindparam("environment")
    )
)
_LOCK_OF = Statement(select(version.c.lock_digest).where(version.c.id == bindparam("version_id")))
_COLUMNS = ("app_id", "environment", "app", "version_id", "tag", "state", "sequence")
_UPSERT = Statement(
    upsert(
        placement,
        bind_columns(*_COLUMNS),
        key=_COLUMNS[:2],
        update=lambda new: {name: new[name] for name in _COLUMNS[2:]},
    )
)
_UPDATE_SEQUENCE = Statement(
    update(placement)
    .where(
        placement.c.app_id == bindparam("target_app"),
        placement.c.environment == bindparam("target_environment"),
    )
    .values(sequence=bindparam("new_sequence"))
)
_DELETE_TOOLS = Statement(
    delete(placement_tool).where(
        placement_tool.c.app_id == bindparam("target_app"),
        placement_tool.c.environment == bindparam("target_environment"),
    )
)
_INSERT_TOOLS = Statement(
    insert(placement_tool).from_select(
        ["tool", "tool_version", "environment", "app_id"],
        select(
            toolchain_tool.c.tool,
            toolchain_tool.c.version,
            bindparam("target_environment", type_=placement_tool.c.environment.type),
            bindparam("target_app", type_=placement_tool.c.app_id.type),
        ).where(toolchain_tool.c.lock_digest == bindparam("lock_digest")),
    )
)
_IN_ENVIRONMENT = Statement(
    select(placement.c.app_id, placement.c.app).where(
        placement.c.environment == bindparam("environment"), placement.c.sequence < bindparam("before")
    )
)
_IN_RANGE = Statement(
    select(placement.c.app_id, placement.c.environment, placement.c.app, placement.c.sequence).where(
        placement.c.app_id > bindparam("after"), placement.c.app_id <= bindparam("last")
    )
)
_DELETE_FOR_APP = Statement(delete(placement).where(placement.c.app_id == bindparam("target_app")))
_DELETE_TOOLS_FOR_APP = Statement(
    delete(placement_tool).where(placement_tool.c.app_id == bindparam("target_app"))
)


@dataclass(frozen=True, slots=True)
class PlacementUpdate:
    """A change of a placement, from an event; it is empty if `version_id` is None."""

    app_id: int
    app: str
    environment: str
    version_id: int | None
    tag: str
    sequence: int


@dataclass(frozen=True, slots=True)
class PlacementFilter:
    """The placements to return: of one environment, and of some apps, if set."""

    environment: str | None
    app_ids: tuple[int, ...] | None

    @property
    def sql_shape(self) -> tuple[bool, int | None]:
        """Return what the statement depends on."""
        return self.environment is not None, None if self.app_ids is None else len(self.app_ids)

    @property
    def parameters(self) -> dict[str, object]:
        """Return the statement's parameters."""
        parameters: dict[str, object] = {f"app_{n}": app_id for n, app_id in enumerate(self.app_ids or ())}
        return parameters if self.environment is None else {**parameters, "environment": self.environment}


def apply_update(transaction: Transaction, placement_update: PlacementUpdate) -> None:
    """Record a placement, unless a newer change is recorded or the app is deleted."""
    app = app_projection.get(transaction, placement_update.app_id)
    before = transaction.one(_FIND, app_id=placement_update.app_id, environment=placement_update.environment)
    if (app and app.deleted) or (before and before[1] >= placement_update.sequence):
        return
    if before and before[0] == placement_update.version_id:
        transaction.execute(
            _UPDATE_SEQUENCE,
            target_app=placement_update.app_id,
            target_environment=placement_update.environment,
            new_sequence=placement_update.sequence,
        )
        return
    _write(transaction, placement_update, app.name if app else placement_update.app)


def replace_range(
    transaction: Transaction,
    after: int,
    last: int,
    updates: Iterable[PlacementUpdate],
    as_of: int,
    newest: int,
) -> None:
    """Replace the placements of a range of apps, the first excluded, by those as of a sequence.

    A placement that a later event up to `newest` has changed is left as it is.
    """
    rows = {(row[0], row[1]): row for row in transaction.all(_IN_RANGE, after=after, last=last)}
    new = {(item.app_id, item.environment): item for item in updates}
    for key, (app_id, environment, app, sequence) in rows.items():
        if as_of < sequence <= newest:
            new.pop(key, None)
        elif key not in new:
            new[key] = PlacementUpdate(app_id, app, environment, None, "", as_of)
    for item in new.values():
        _replace(transaction, item)


def _replace(transaction: Transaction, placement_update: PlacementUpdate) -> None:
    app = app_projection.get(transaction, placement_update.app_id)
    if app and app.deleted:
        delete_for_app(transaction, placement_update.app_id)
    else:
        _write(transaction, placement_update, app.name if app else placement_update.app)


def _write(transaction: Transaction, placement_update: PlacementUpdate, app: str) -> None:
    lock = transaction.one(_LOCK_OF, version_id=placement_update.version_id) or (None,)
    transaction.execute(
        _UPSERT,
        app_id=placement_update.app_id,
        environment=placement_update.environment,
        app=app,
        version_id=placement_update.version_id,
        tag=placement_update.tag,
        state=_lock_state(placement_update.version_id, lock[0]),
        sequence=placement_update.sequence,
    )
    _replace_tools(transaction, placement_update, lock[0])


def clear_environment(transaction: Transaction, environment: str, sequence: int) -> None:
    """Delete all placements in an environment."""
    for app_id, app in transaction.all(_IN_ENVIRONMENT, environment=environment, before=sequence):
        apply_update(transaction, PlacementUpdate(app_id, app, environment, None, "", sequence))


def delete_for_app(transaction: Transaction, app_id: int) -> None:
    """Delete all placements of an app."""
    transaction.execute(_DELETE_FOR_APP, target_app=app_id)
    transaction.execute(_DELETE_TOOLS_FOR_APP, target_app=app_id)


def count(reader: Reader, placement_filter: PlacementFilter, tool: str) -> dict[str, int]:
    """Count the placements by tool version."""
    return dict(reader.all(_counting(placement_filter.sql_shape), tool=tool, **placement_filter.parameters))


def count_without_lock(reader: Reader, placement_filter: PlacementFilter) -> int:
    """Count the placements of versions without a lock."""
    row = reader.one(_counting_without_lock(placement_filter.sql_shape), **placement_filter.parameters)
    return int(row[0]) if row else 0


def with_tool_version(
    reader: Reader,
    placement_filter: PlacementFilter,
    tool: str,
    tool_version: str,
    after: tuple[str, int],
    limit: int,
) -> list[ToolUse]:
    """Return placements with a tool version, after a position (environment, app ID)."""
    rows = reader.all(
        _listing(placement_filter.sql_shape),
        tool=tool,
        tool_version=tool_version,
        after_environment=after[0],
        after_app=after[1],
        limit=limit,
        **placement_filter.parameters,
    )
    return [_use(row, tool_version) for row in rows]


def without_lock(
    reader: Reader, placement_filter: PlacementFilter, after: tuple[str, int], limit: int
) -> list[ToolUse]:
    """Return placements of versions without a lock, after a position (environment, app ID)."""
    rows = reader.all(
        _listing_without_lock(placement_filter.sql_shape),
        after_environment=after[0],
        after_app=after[1],
        limit=limit,
        **placement_filter.parameters,
    )
    return [_use(row, None) for row in rows]


_use_columns = (
    placement.c.app_id,
    placement.c.app,
    placement.c.environment,
    placement.c.version_id,
    placement.c.tag,
)


def _use(row: Row, tool_version: str | None) -> ToolUse:
    app_id, app, environment, version_id, tag = row
    return ToolUse(
        app_id=app_id,
        app=app,
        environment=environment,
        version_id=version_id,
        tag=tag,
        tool_version=tool_version,
    )


def _lock_state(version_id: int | None, lock_digest: str | None) -> int:
    if version_id is None:
        return EMPTY
    return UNLOCKED if lock_digest is None else LOCKED


def _replace_tools(
    transaction: Transaction, placement_update: PlacementUpdate, lock_digest: str | None
) -> None:
    transaction.execute(
        _DELETE_TOOLS, target_app=placement_update.app_id, target_environment=placement_update.environment
    )
    if lock_digest is not None:
        transaction.execute(
            _INSERT_TOOLS,
            target_app=placement_update.app_id,
            target_environment=placement_update.environment,
            lock_digest=lock_digest,
        )


_FilterShape = tuple[bool, int | None]


@lru_cache(64)
def _counting(shape: _FilterShape) -> Statement:
    query = (
        select(placement_tool.c.tool_version, func.count())
        .where(placement_tool.c.tool == bindparam("tool"))
        .group_by(placement_tool.c.tool_version)
    )
    return Statement(_apply_filter(query, placement_tool, shape))


@lru_cache(64)
def _counting_without_lock(shape: _FilterShape) -> Statement:
    return Statement(
        _apply_filter(
            select(func.count()).select_from(placement).where(placement.c.state == literal(UNLOCKED)),
            placement,
            shape,
        )
    )


@lru_cache(64)
def _listing(shape: _FilterShape) -> Statement:
    query = (
        select(*_use_columns)
        .join_from(
            placement_tool,
            placement,
            (placement.c.app_id == placement_tool.c.app_id)
            & (placement.c.environment == placement_tool.c.environment),
        )
        .where(
            placement_tool.c.tool == bindparam("tool"),
            placement_tool.c.tool_version == bindparam("tool_version"),
        )
    )
    return Statement(_paginate(_apply_filter(query, placement_tool, shape), placement_tool, shape))


@lru_cache(64)
def _listing_without_lock(shape: _FilterShape) -> Statement:
    query = select(*_use_columns).where(placement.c.state == literal(UNLOCKED))
    return Statement(_paginate(_apply_filter(query, placement, shape), placement, shape))


def _apply_filter(query: Select[Any], table: Table, shape: _FilterShape) -> Select[Any]:
    """Add a filter's conditions to a query."""
    environment, apps = shape
    if environment:
        query = query.where(table.c.environment == bindparam("environment"))
    if apps is not None:
        ids: list[BindParameter[int]] = [bindparam(f"app_{n}") for n in range(apps)]
        query = query.where(table.c.app_id.in_(ids) if ids else false())
    return query


def _paginate(query: Select[Any], table: Table, shape: _FilterShape) -> Select[Any]:
    """Sort a query by environment and app, start it after a position, and limit it."""
    environment, app_id = table.c.environment, table.c.app_id
    if shape[0]:  # A single environment needs no sorting, which the planner may not see.
        query = query.where(app_id > bindparam("after_app")).order_by(app_id)
    else:
        behind = tuple_(
            bindparam("after_environment", type_=environment.type), bindparam("after_app", type_=app_id.type)
        )
        query = query.where(tuple_(environment, app_id) > behind).order_by(environment, app_id)
    return query.limit(bindparam("limit"))
