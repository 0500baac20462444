"""SQL of sessions and their refresh tokens; a reused token reveals theft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from envmgr.server.gateway.store.tables import refresh, session, user
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from envmgr.server.contracts.identity_resources import HumanRole
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_OPEN = (
    session.c.revoked_at.is_(None),
    session.c.expires_at > bindparam("now"),
    user.c.active,
    user.c.deleted_at.is_(None),
)
_JOINED = session.join(user, user.c.id == session.c.user_id)
_COLUMNS = (session.c.id, user.c.id, user.c.username, user.c.role, session.c.expires_at)
_FIND_ACTIVE = Statement(
    select(*_COLUMNS).select_from(_JOINED).where(session.c.id == bindparam("id"), *_OPEN)
)
_HAS_TOKEN = Statement(
    select(refresh.c.hash).where(
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
    update(refresh)
    .where(
        refresh.c.hash == bindparam("token_hash"),
        refresh.c.session_id == bindparam("session"),
        refresh.c.used_at.is_(None),
    )
    .values(used_at=bindparam("now"))
)
_EXTEND = Statement(
    update(session).where(session.c.id == bindparam("target_session")).values(expires_at=bindparam("until"))
)
_REVOKE = Statement(
    update(session)
    .where(session.c.id == bindparam("target_session"), session.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_REVOKE_ALL = Statement(
    update(session)
    .where(session.c.user_id == bindparam("target_user"), session.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_OLD = session.c.expires_at < bindparam("before")
_PURGE_TOKENS = Statement(delete(refresh).where(refresh.c.session_id.in_(select(session.c.id).where(_OLD))))
_PURGE = Statement(delete(session).where(_OLD))


@dataclass(frozen=True, slots=True)
class Session:
    """An active session and its user."""

    id: int
    user_id: int
    username: str
    role: HumanRole
    expires_at: int


def find_active(reader: Reader, session_id: int, now: int) -> Session | None:
    """Return an active session of an active user."""
    row: Row | None = reader.one(_FIND_ACTIVE, id=session_id, now=now)
    return Session(*row) if row else None


def create(transaction: Transaction, user_id: int, address: str, until: int) -> int:
    """Insert a session; return its ID."""
    return transaction.insert(_INSERT, user=user_id, address=address, now=transaction.now, until=until)


def add_refresh_token(transaction: Transaction, session_id: int, hashed: str, until: int) -> None:
    """Insert the session's new refresh token."""
    transaction.execute(_INSERT_REFRESH_TOKEN, hash=hashed, session=session_id)
    transaction.execute(_EXTEND, target_session=session_id, until=until)


def has_refresh_token(reader: Reader, session_id: int, hashed: str) -> bool:
    """Return whether a session has, or had, this refresh token."""
    return reader.one(_HAS_TOKEN, hash=hashed, session=session_id) is not None


def mark_used(transaction: Transaction, session_id: int, hashed: str) -> bool:
    """Mark a refresh token as used; return False if it was used before or is unknown."""
    return transaction.execute(_MARK_USED, token_hash=hashed, session=session_id, now=transaction.now) == 1


def owner_of(reader: Reader, session_id: int) -> int:
    """Return the user of a session."""
    row = reader.one(_OWNER, id=session_id)
    return int(row[0]) if row else 0


def revoke(transaction: Transaction, session_id: int) -> bool:
    """Revoke a session; return False if it had ended."""
    return transaction.execute(_REVOKE, target_session=session_id, now=transaction.now) > 0


def revoke_all(transaction: Transaction, user_id: int) -> int:
    """Revoke all sessions of a user; return their number."""
    return transaction.execute(_REVOKE_ALL, target_user=user_id, now=transaction.now)


def purge(transaction: Transaction, before: int) -> None:
    """Delete sessions that ended before a time, with their tokens."""
    transaction.execute(_PURGE_TOKENS, before=before)
    transaction.execute(_PURGE, before=before)
