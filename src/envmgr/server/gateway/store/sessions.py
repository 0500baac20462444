"""Sessions, and the refresh tokens that each has had: one that comes a second time gives a thief away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from envmgr.server.gateway.store.tables import refresh, session, user
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from envmgr.server.gateway.domain.resources import HumanRole
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_OPEN = (
    session.c.revoked_at.is_(None),
    session.c.expires_at > bindparam("now"),
    user.c.active == 1,
    user.c.deleted_at.is_(None),
)
_JOINED = session.join(user, user.c.id == session.c.user_id)
_COLUMNS = (session.c.id, user.c.id, user.c.username, user.c.role)
_FIND_ACTIVE = Statement(
    select(*_COLUMNS).select_from(_JOINED).where(session.c.id == bindparam("id"), *_OPEN)
)
_TOKEN = Statement(
    select(refresh.c.used_at).where(
        refresh.c.hash == bindparam("hash"), refresh.c.session_id == bindparam("session")
    )
)
_OWNER = Statement(select(session.c.user_id).where(session.c.id == bindparam("id")))
_INSERT = Statement(
    insert(session).values(
        user_id=bindparam("user"),
        address=bindparam("address"),
        created_at=bindparam("now"),
        expires_at=bindparam("until"),
    )
)
_INSERT_REFRESH_TOKEN = Statement(
    insert(refresh).values(hash=bindparam("hash"), session_id=bindparam("session"))
)
_MARK_USED = Statement(
    update(refresh).where(refresh.c.hash == bindparam("which")).values(used_at=bindparam("now"))
)
_EXTEND = Statement(
    update(session).where(session.c.id == bindparam("which")).values(expires_at=bindparam("until"))
)
_REVOKE = Statement(
    update(session)
    .where(session.c.id == bindparam("which"), session.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_REVOKE_ALL = Statement(
    update(session)
    .where(session.c.user_id == bindparam("whose"), session.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_OLD = session.c.expires_at < bindparam("before")
_PURGE_TOKENS = Statement(delete(refresh).where(refresh.c.session_id.in_(select(session.c.id).where(_OLD))))
_PURGE = Statement(delete(session).where(_OLD))


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is open, and whose it is."""

    id: int
    user_id: int
    username: str
    role: HumanRole


def find_active(reader: Reader, session_id: int, now: int) -> Session | None:
    """Return a session that is open, of a user who may sign in."""
    row: Row | None = reader.one(_FIND_ACTIVE, id=session_id, now=now)
    return Session(*row) if row else None


def create(transaction: Transaction, user_id: int, address: str, until: int) -> int:
    """Write a new session; return its id."""
    return transaction.insert(_INSERT, user=user_id, address=address, now=transaction.now, until=until)


def add_refresh_token(transaction: Transaction, session_id: int, hashed: str, until: int) -> None:
    """Write the refresh token that a session has from now on."""
    transaction.execute(_INSERT_REFRESH_TOKEN, hash=hashed, session=session_id)
    transaction.execute(_EXTEND, which=session_id, until=until)


def is_unused(reader: Reader, session_id: int, hashed: str) -> bool | None:
    """Say whether a session's refresh token may be used; None where it never had this one."""
    row = reader.one(_TOKEN, hash=hashed, session=session_id)
    return None if row is None else row[0] is None


def mark_used(transaction: Transaction, hashed: str) -> None:
    """Write down that a refresh token was used."""
    transaction.execute(_MARK_USED, which=hashed, now=transaction.now)


def owner_of(reader: Reader, session_id: int) -> int:
    """Return whose session it is, or was."""
    row = reader.one(_OWNER, id=session_id)
    return int(row[0]) if row else 0


def revoke(transaction: Transaction, session_id: int) -> bool:
    """End a session; return False if it had ended."""
    return transaction.execute(_REVOKE, which=session_id, now=transaction.now) > 0


def revoke_all(transaction: Transaction, user_id: int) -> int:
    """End every session of a user; return how many."""
    return transaction.execute(_REVOKE_ALL, whose=user_id, now=transaction.now)


def purge(transaction: Transaction, before: int) -> None:
    """Drop sessions, with their tokens, that ended before a moment."""
    transaction.execute(_PURGE_TOKENS, before=before)
    transaction.execute(_PURGE, before=before)
