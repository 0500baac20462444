"""Projection of apps from events: current names and deletions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from envmgr.server.kit.db.constructs import bind_columns, upsert
from envmgr.server.kit.db.sql import Statement
from envmgr.server.version.store.tables import app_projection, placement, version

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Reader, Transaction

_FIND = Statement(
    select(app_projection.c.name, app_projection.c.updated_at, app_projection.c.deleted).where(
        app_projection.c.app_id == bindparam("app_id")
    )
)
_COLUMNS = ("app_id", "name", "updated_at", "sequence", "deleted")
_UPSERT = Statement(
    upsert(
        app_projection,
        bind_columns(*_COLUMNS),
        key=["app_id"],
        update=lambda new: {name: new[name] for name in _COLUMNS[1:]},
        where=lambda new: ~app_projection.c.deleted & (app_projection.c.sequence < new.sequence),
    )
)
_RENAME_VERSIONS = Statement(
    update(version)
    .where(version.c.app_id == bindparam("target_app"), version.c.app != bindparam("new_name"))
    .values(app=bindparam("new_name"), rev=version.c.rev + 1)
)
_RENAME_PLACEMENTS = Statement(
    update(placement).where(placement.c.app_id == bindparam("target_app")).values(app=bindparam("new_name"))
)


@dataclass(frozen=True, slots=True)
class AppRecord:
    """The projected state of an app."""

    name: str
    updated_at: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class AppUpdate:
    """A change of an app, from an event."""

    app_id: int
    name: str
    updated_at: int
    sequence: int


def get(reader: Reader, app_id: int) -> AppRecord | None:
    """Return the projected state of an app, or None."""
    row = reader.one(_FIND, app_id=app_id)
    return AppRecord(row[0], row[1], bool(row[2])) if row else None


def apply_rename(transaction: Transaction, app_update: AppUpdate) -> None:
    """Rename an app everywhere, unless a newer change is recorded."""
    if _upsert(transaction, app_update, deleted=False):
        transaction.execute(_RENAME_VERSIONS, target_app=app_update.app_id, new_name=app_update.name)
        transaction.execute(_RENAME_PLACEMENTS, target_app=app_update.app_id, new_name=app_update.name)


def mark_deleted(transaction: Transaction, app_update: AppUpdate) -> None:
    """Record the deletion of an app permanently: IDs are never reused."""
    _upsert(transaction, app_update, deleted=True)


def _upsert(transaction: Transaction, app_update: AppUpdate, *, deleted: bool) -> bool:
    changed = transaction.execute(
        _UPSERT,
        app_id=app_update.app_id,
        name=app_update.name,
        updated_at=app_update.updated_at,
        sequence=app_update.sequence,
        deleted=deleted,
    )
    return changed == 1
