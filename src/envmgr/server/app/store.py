"""SQL of apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Column, Index, Integer, MetaData, Table, bindparam, delete, insert, select, update

from envmgr.server.contracts.resources import App
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.ids import as_id, is_id
from envmgr.server.kit.common.preconditions import require_updated
from envmgr.server.kit.db.constructs import values_of
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.schema import IDS_NEVER_REUSED, Id, Text, Timestamp
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.contracts.requests import AppPut
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

HEAD = "0001"
"""Migration revision that this code requires."""

metadata = MetaData()
Tables(metadata)
app = Table(
    "app",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("folded", Text, nullable=False),
    Index("app_folded", "folded", unique=True),
    **IDS_NEVER_REUSED,
)

_BY_ID = Statement(select(app).where(app.c.id == bindparam("id")))
_BY_NAME = Statement(select(app).where(app.c.folded == bindparam("folded")))
_NAMES = Statement(select(app.c.id, app.c.name).where(app.c.id.in_(values_of("ids", app.c.id))))
_INSERT = Statement(
    insert(app).values(
        name=bindparam("name"),
        folded=bindparam("folded"),
        description=bindparam("description"),
        created_at=bindparam("now"),
        updated_at=bindparam("now"),
        rev=1,
    )
)
_UPDATE = Statement(
    update(app)
    .where(app.c.id == bindparam("app_id"), app.c.rev == bindparam("old_rev"))
    .values(
        name=bindparam("new_name"),
        folded=bindparam("new_folded"),
        description=bindparam("new_description"),
        updated_at=bindparam("now"),
        rev=app.c.rev + 1,
    )
)
_DELETE = Statement(delete(app).where(app.c.id == bindparam("app_id"), app.c.rev == bindparam("old_rev")))
_LISTING = PagedQuery(
    select(app),
    key=app.c.id,
    sorts={
        "id": app.c.id,
        "name": app.c.folded,
        "created_at": app.c.created_at,
        "updated_at": app.c.updated_at,
    },
    filters={"name": app.c.folded},
    app=app.c.id,
)


def find(reader: Reader, ref: str) -> App | None:
    """Return the app with this id, or name without regard to case."""
    row = reader.one(_BY_ID, id=as_id(ref)) if is_id(ref) else reader.one(_BY_NAME, folded=ref.casefold())
    return _app(row) if row else None


def ids_by_name(reader: Reader, names: Iterable[str]) -> dict[str, int]:
    """Return the IDs of the apps with these names; unknown names are left out."""
    rows = {name: reader.one(_BY_NAME, folded=name.casefold()) for name in names}
    return {name: row[0] for name, row in rows.items() if row}


def names(reader: Reader, app_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of apps; unknown IDs are left out."""
    return dict(reader.all(_NAMES, ids=msgspec.json.encode(sorted(app_ids)).decode()))


def page(reader: Reader, paging: PageRequest, apps: frozenset[int] | None) -> Page[App]:
    """Return a page of apps, optionally of these only."""
    return _LISTING.page(reader, paging.with_folded("name"), _app, apps)


def add(transaction: Transaction, name: str, description: str) -> App:
    """Insert an app; raise UniqueViolation if the name is taken."""
    id_ = transaction.insert(
        _INSERT, name=name, folded=name.casefold(), description=description, now=transaction.now
    )
    at = rfc3339(transaction.now)
    return App(id=id_, name=name, description=description, created_at=at, updated_at=at, rev=1)


def update_app(transaction: Transaction, old: App, put: AppPut) -> App:
    """Update an app; raise UniqueViolation if the name is taken, PreconditionFailed."""
    count = transaction.execute(
        _UPDATE,
        app_id=old.id,
        old_rev=old.rev,
        new_name=put.name,
        new_folded=put.name.casefold(),
        new_description=put.description,
        now=transaction.now,
    )
    require_updated(count)
    return App(
        id=old.id,
        name=put.name,
        description=put.description,
        created_at=old.created_at,
        updated_at=rfc3339(transaction.now),
        rev=old.rev + 1,
    )


def remove(transaction: Transaction, old: App) -> None:
    """Delete an app; raise PreconditionFailed."""
    require_updated(transaction.execute(_DELETE, app_id=old.id, old_rev=old.rev))


def _app(row: Row) -> App:
    id_, name, description, created_at, updated_at, rev, _ = row
    return App(
        id=id_,
        name=name,
        description=description,
        created_at=rfc3339(created_at),
        updated_at=rfc3339(updated_at),
        rev=rev,
    )
