"""Deletion holds: apps and versions that are about to be deleted, and must not be deployed.

A unit that places a hold counts active placements first, and one that creates a deployment looks for holds first: as
units behave as if serial, one of the two is refused. A hold lasts until an event reports the deletion, until it is
released, or until it expires, as a killed process cannot release it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, or_, select

from envmgr.server.deployment.store import tables
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Reader, Transaction

HOLD_TTL_MS = 30_000
"""Longer than any successful write waits."""
_TABLE = tables.deletion_hold
_INSERT_HOLD = Statement(
    insert(_TABLE).values({name: bindparam(name) for name in ("app_id", "version_id", "until")})
)
_NOT_EXPIRED = _TABLE.c.until > bindparam("now")
_HAS_HOLD = Statement(
    select(_TABLE.c.id)
    .where(
        or_(_TABLE.c.app_id == bindparam("app_id"), _TABLE.c.version_id == bindparam("version_id")),
        _NOT_EXPIRED,
    )
    .limit(1)
)
_RELEASE_HOLD = Statement(delete(_TABLE).where(_TABLE.c.id == bindparam("hold_id")))
_RELEASE_FOR_APP = Statement(delete(_TABLE).where(_TABLE.c.app_id == bindparam("target_app")))
_RELEASE_FOR_VERSION = Statement(delete(_TABLE).where(_TABLE.c.version_id == bindparam("target_version")))
_DELETE_EXPIRED = Statement(delete(_TABLE).where(_TABLE.c.until <= bindparam("now")))


def place_hold(transaction: Transaction, *, app_id: int | None, version_id: int | None) -> int:
    """Create a hold on an app or a version; return its ID."""
    transaction.execute(_DELETE_EXPIRED, now=transaction.now)
    return transaction.insert(
        _INSERT_HOLD, app_id=app_id, version_id=version_id, until=transaction.now + HOLD_TTL_MS
    )


def release_hold(transaction: Transaction, hold_id: int) -> None:
    """Delete a hold; others on the same resource remain."""
    transaction.execute(_RELEASE_HOLD, hold_id=hold_id)


def release_for_app(transaction: Transaction, app_id: int) -> None:
    """Delete the holds of a deleted app."""
    transaction.execute(_RELEASE_FOR_APP, target_app=app_id)


def release_for_version(transaction: Transaction, version_id: int) -> None:
    """Delete the holds of a deleted version."""
    transaction.execute(_RELEASE_FOR_VERSION, target_version=version_id)


def has_hold(reader: Reader, app_id: int, version_id: int | None = None) -> bool:
    """Return whether an app or this version of it has a hold."""
    return reader.one(_HAS_HOLD, app_id=app_id, version_id=version_id, now=now_ms()) is not None
