"""What stands where, and with which tools: a projection of what deployments told, read by usage only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, false, func, insert, literal, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as upsert

from envmgr.server.contracts.resources import Use
from envmgr.server.kit.db.sql import Statement
from envmgr.server.version import app_projection
from envmgr.server.version.tables import place, place_tool, toolchain_tool, version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import BindParameter, Select, Table

    from envmgr.server.kit.db.sql import Reader, Row, Transaction

EMPTY, UNLOCKED, LOCKED = 0, 1, 2
"""The states of a place: nothing stands there, a version without a lock does, one with a lock does."""

_FIND = Statement(
    select(place.c.version_id, place.c.sequence).where(
        place.c.app_id == bindparam("app_id"), place.c.environment == bindparam("environment")
    )
)
_LOCK_OF = Statement(select(version.c.lock_digest).where(version.c.id == bindparam("version_id")))
_COLUMNS = ("app_id", "environment", "app", "version_id", "tag", "state", "sequence")
_new = upsert(place)
_SETTLE = Statement(
    _new.values({name: bindparam(name) for name in _COLUMNS}).on_conflict_do_update(
        index_elements=["app_id", "environment"], set_={name: _new.excluded[name] for name in _COLUMNS[2:]}
    )
)
_SEEN = Statement(
    update(place)
    .where(place.c.app_id == bindparam("of_app"), place.c.environment == bindparam("within"))
    .values(sequence=bindparam("upto"))
)
_CLEAR = Statement(
    delete(place_tool).where(
        place_tool.c.app_id == bindparam("of_app"), place_tool.c.environment == bindparam("within")
    )
)
_FILL = Statement(
    insert(place_tool).from_select(
        ["tool", "tool_version", "environment", "app_id"],
        select(
            toolchain_tool.c.tool,
            toolchain_tool.c.version,
            bindparam("within"),
            bindparam("of_app"),
        ).where(toolchain_tool.c.lock_digest == bindparam("lock_digest")),
    )
)
_IN_ENVIRONMENT = Statement(
    select(place.c.app_id, place.c.app).where(
        place.c.environment == bindparam("environment"), place.c.sequence < bindparam("before")
    )
)
_FORGET = Statement(delete(place).where(place.c.app_id == bindparam("of_app")))
_FORGET_TOOLS = Statement(delete(place_tool).where(place_tool.c.app_id == bindparam("of_app")))


@dataclass(frozen=True, slots=True)
class Standing:
    """What an event told of a place; nothing stands there where `version_id` is None."""

    app_id: int
    app: str
    environment: str
    version_id: int | None
    tag: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which places count: of one environment, and of some apps only, where they are given."""

    environment: str | None
    app_ids: tuple[int, ...] | None

    @property
    def shape(self) -> tuple[bool, int | None]:
        """Return what statements for it depend on."""
        return self.environment is not None, None if self.app_ids is None else len(self.app_ids)

    @property
    def values(self) -> dict[str, object]:
        """Return what statements for it are given."""
        given: dict[str, object] = {f"app_{n}": app_id for n, app_id in enumerate(self.app_ids or ())}
        return given if self.environment is None else {**given, "environment": self.environment}


def settle(transaction: Transaction, told: Standing) -> None:
    """Write down what stands in a place, unless something newer is known of it, or the app is gone."""
    app = app_projection.find(transaction, told.app_id)
    before = transaction.one(_FIND, app_id=told.app_id, environment=told.environment)
    if (app and app.deleted) or (before and before[1] >= told.sequence):
        return
    if before and before[0] == told.version_id:
        transaction.run(_SEEN, of_app=told.app_id, within=told.environment, upto=told.sequence)
        return
    lock = transaction.one(_LOCK_OF, version_id=told.version_id) or (None,)
    transaction.run(
        _SETTLE,
        app_id=told.app_id,
        environment=told.environment,
        app=app.name if app else told.app,
        version_id=told.version_id,
        tag=told.tag,
        state=_state(told.version_id, lock[0]),
        sequence=told.sequence,
    )
    _refill(transaction, told, lock[0])


def empty_environment(transaction: Transaction, environment: str, sequence: int) -> None:
    """Write down that nothing stands in an environment any more."""
    for app_id, app in transaction.all(_IN_ENVIRONMENT, environment=environment, before=sequence):
        settle(transaction, Standing(app_id, app, environment, None, "", sequence))


def forget(transaction: Transaction, app_id: int) -> None:
    """Remove every place of an app."""
    transaction.run(_FORGET, of_app=app_id)
    transaction.run(_FORGET_TOOLS, of_app=app_id)


def ids_of(reader: Reader, apps: Iterable[str]) -> tuple[int, ...]:
    """Return the ids of those of some apps that were ever deployed."""
    return tuple(sorted({row[0] for app in apps for row in reader.all(_IDS, app=app)}))


def count(reader: Reader, scope: Scope, tool: str) -> dict[str, int]:
    """Count, for each version of a tool that anything is locked with, the places."""
    return dict(reader.all(_counting(scope.shape), tool=tool, **scope.values))


def count_unlocked(reader: Reader, scope: Scope) -> int:
    """Count the places where a version without a lock stands."""
    row = reader.one(_counting_unlocked(scope.shape), **scope.values)
    return int(row[0]) if row else 0


def locked_with(
    reader: Reader, scope: Scope, tool: str, tool_version: str, after: tuple[str, int], most: int
) -> list[Use]:
    """Return places whose version is locked with a tool's version: those behind an (environment, app id)."""
    rows = reader.all(
        _listing(scope.shape),
        tool=tool,
        tool_version=tool_version,
        after_environment=after[0],
        after_app=after[1],
        most=most,
        **scope.values,
    )
    return [_use(row, tool_version) for row in rows]


def unlocked(reader: Reader, scope: Scope, after: tuple[str, int], most: int) -> list[Use]:
    """Return places where a version without a lock stands: those behind an (environment, app id)."""
    rows = reader.all(
        _listing_unlocked(scope.shape),
        after_environment=after[0],
        after_app=after[1],
        most=most,
        **scope.values,
    )
    return [_use(row, None) for row in rows]


_IDS = Statement(select(place.c.app_id).where(place.c.app == bindparam("app")).distinct())
_use_columns = (place.c.app_id, place.c.app, place.c.environment, place.c.version_id, place.c.tag)


def _use(row: Row, tool_version: str | None) -> Use:
    app_id, app, environment, version_id, tag = row
    return Use(
        app_id=app_id,
        app=app,
        environment=environment,
        version_id=version_id,
        tag=tag,
        tool_version=tool_version,
    )


def _state(version_id: int | None, lock_digest: str | None) -> int:
    if version_id is None:
        return EMPTY
    return UNLOCKED if lock_digest is None else LOCKED


def _refill(transaction: Transaction, told: Standing, lock_digest: str | None) -> None:
    transaction.run(_CLEAR, of_app=told.app_id, within=told.environment)
    if lock_digest is not None:
        transaction.run(_FILL, of_app=told.app_id, within=told.environment, lock_digest=lock_digest)


_Shape = tuple[bool, int | None]


@lru_cache(64)
def _counting(shape: _Shape) -> Statement:
    query = (
        select(place_tool.c.tool_version, func.count())
        .where(place_tool.c.tool == bindparam("tool"))
        .group_by(place_tool.c.tool_version)
    )
    return Statement(_within(query, place_tool, shape))


@lru_cache(64)
def _counting_unlocked(shape: _Shape) -> Statement:
    return Statement(
        _within(
            select(func.count()).select_from(place).where(place.c.state == literal(UNLOCKED)), place, shape
        )
    )


@lru_cache(64)
def _listing(shape: _Shape) -> Statement:
    query = (
        select(*_use_columns)
        .join_from(
            place_tool,
            place,
            (place.c.app_id == place_tool.c.app_id) & (place.c.environment == place_tool.c.environment),
        )
        .where(place_tool.c.tool == bindparam("tool"), place_tool.c.tool_version == bindparam("tool_version"))
    )
    return Statement(_behind(_within(query, place_tool, shape), place_tool, shape))


@lru_cache(64)
def _listing_unlocked(shape: _Shape) -> Statement:
    query = select(*_use_columns).where(place.c.state == literal(UNLOCKED))
    return Statement(_behind(_within(query, place, shape), place, shape))


def _within(query: Select[Any], table: Table, shape: _Shape) -> Select[Any]:
    """Narrow a query down to a scope."""
    environment, apps = shape
    if environment:
        query = query.where(table.c.environment == bindparam("environment"))
    if apps is not None:
        ids: list[BindParameter[int]] = [bindparam(f"app_{n}") for n in range(apps)]
        query = query.where(table.c.app_id.in_(ids) if ids else false())
    return query


def _behind(query: Select[Any], table: Table, shape: _Shape) -> Select[Any]:
    """Order a query by environment and app, begin it behind a place, and cut it."""
    environment, app_id = table.c.environment, table.c.app_id
    if shape[0]:  # The environment is one, and SQLite would sort by it all the same.
        query = query.where(app_id > bindparam("after_app")).order_by(app_id)
    else:
        behind = tuple_(bindparam("after_environment"), bindparam("after_app"))
        query = query.where(tuple_(environment, app_id) > behind).order_by(environment, app_id)
    return query.limit(bindparam("most"))
