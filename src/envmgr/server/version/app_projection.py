"""What events told of apps: what they are called now, and which are gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from envmgr.server.kit.db.sql import Statement
from envmgr.server.version.tables import known_app, place, version

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Reader, Transaction

_FIND = Statement(
    select(known_app.c.name, known_app.c.updated_at, known_app.c.deleted).where(
        known_app.c.app_id == bindparam("app_id")
    )
)
_new = insert(known_app)
_LEARN = Statement(
    _new.values({column.name: bindparam(column.name) for column in known_app.c}).on_conflict_do_update(
        index_elements=["app_id"],
        set_={name: _new.excluded[name] for name in ("name", "updated_at", "sequence", "deleted")},
        where=(known_app.c.deleted == 0) & (known_app.c.sequence < _new.excluded.sequence),
    )
)
_RENAME_VERSIONS = Statement(
    update(version)
    .where(version.c.app_id == bindparam("which"), version.c.app != bindparam("called"))
    .values(app=bindparam("called"), rev=version.c.rev + 1)
)
_RENAME_PLACES = Statement(
    update(place).where(place.c.app_id == bindparam("which")).values(app=bindparam("called"))
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an app."""

    name: str
    updated_at: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What an event told of an app."""

    app_id: int
    name: str
    updated_at: int
    sequence: int


def find(reader: Reader, app_id: int) -> Known | None:
    """Return what events told of an app, if any did."""
    row = reader.one(_FIND, app_id=app_id)
    return Known(row[0], row[1], bool(row[2])) if row else None


def rename(transaction: Transaction, told: Told) -> None:
    """Call an app by its new name everywhere, unless something newer is known of it."""
    if _learn(transaction, told, deleted=False):
        transaction.run(_RENAME_VERSIONS, which=told.app_id, called=told.name)
        transaction.run(_RENAME_PLACES, which=told.app_id, called=told.name)


def bury(transaction: Transaction, told: Told) -> None:
    """Remember for ever that an app is gone: ids are never given again."""
    _learn(transaction, told, deleted=True)


def _learn(transaction: Transaction, told: Told, *, deleted: bool) -> bool:
    changed = transaction.run(
        _LEARN,
        app_id=told.app_id,
        name=told.name,
        updated_at=told.updated_at,
        sequence=told.sequence,
        deleted=int(deleted),
    )
    return changed == 1
