"""SQL of users; deleted users keep their row, since usernames are never reused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from envmgr.server.contracts.identity_resources import User
from envmgr.server.gateway.store.tables import user
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.ids import as_id, is_id
from envmgr.server.kit.common.preconditions import require_updated
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_COLUMNS = (
    user.c.id,
    user.c.username,
    user.c.role,
    user.c.active,
    user.c.created_at,
    user.c.updated_at,
    user.c.rev,
)
_NOT_DELETED = user.c.deleted_at.is_(None)
_BY_ID = Statement(select(*_COLUMNS).where(user.c.id == bindparam("id"), _NOT_DELETED))
_BY_NAME = Statement(select(*_COLUMNS).where(user.c.folded == bindparam("folded"), _NOT_DELETED))
_PASSWORD = Statement(select(user.c.password).where(user.c.id == bindparam("id"), _NOT_DELETED))
_EXISTS = Statement(select(user.c.id).limit(1))
_ADMINS = Statement(
    select(func.count())
    .select_from(user)
    .where(user.c.role == "admin", user.c.active, _NOT_DELETED, user.c.id != bindparam("except_id"))
)
_INSERT = Statement(
    insert(user).values(
        username=bindparam("username"),
        folded=bindparam("folded"),
        password=bindparam("password"),
        role=bindparam("role"),
        active=True,
        created_at=bindparam("now"),
        updated_at=bindparam("now"),
        rev=1,
    )
)
_UPDATE = Statement(
    update(user)
    .where(user.c.id == bindparam("user_id"), user.c.rev == bindparam("old_rev"))
    .values(
        role=bindparam("new_role"),
        active=bindparam("new_active"),
        updated_at=bindparam("now"),
        rev=user.c.rev + 1,
    )
)
_SET_PASSWORD = Statement(
    update(user).where(user.c.id == bindparam("user_id")).values(password=bindparam("new_password"))
)
_DELETE = Statement(
    update(user)
    .where(user.c.id == bindparam("user_id"), user.c.rev == bindparam("old_rev"))
    .values(active=False, password="", deleted_at=bindparam("now"), rev=user.c.rev + 1)
)
_LISTING = PagedQuery(
    select(*_COLUMNS).where(_NOT_DELETED),
    key=user.c.id,
    sorts={"id": user.c.id, "username": user.c.folded, "created_at": user.c.created_at},
    filters={"username": user.c.folded, "role": user.c.role},
)


def find(reader: Reader, ref: str) -> User | None:
    """Return the user with this id or name."""
    return by_id(reader, as_id(ref)) if is_id(ref) else by_name(reader, ref)


def by_id(reader: Reader, user_id: int) -> User | None:
    """Return the user with this id."""
    row = reader.one(_BY_ID, id=user_id)
    return _user(row) if row else None


def by_name(reader: Reader, username: str) -> User | None:
    """Return the user with this name, ignoring case."""
    row = reader.one(_BY_NAME, folded=username.casefold())
    return _user(row) if row else None


def password(reader: Reader, user_id: int) -> str | None:
    """Return the hash of a user's password."""
    row = reader.one(_PASSWORD, id=user_id)
    return row[0] if row else None


def is_empty(reader: Reader) -> bool:
    """Return whether there has never been a user."""
    return reader.one(_EXISTS) is None


def other_admins(reader: Reader, user_id: int) -> int:
    """Return the number of other active admins."""
    row = reader.one(_ADMINS, except_id=user_id)
    return int(row[0]) if row else 0


def page(reader: Reader, paging: PageRequest) -> Page[User]:
    """Return a page of users."""
    return _LISTING.page(reader, paging, _user)


def add(transaction: Transaction, username: str, hashed: str, role: str) -> User:
    """Insert a user; raise UniqueViolation if the name was ever used."""
    id_ = transaction.insert(
        _INSERT,
        username=username,
        folded=username.casefold(),
        password=hashed,
        role=role,
        now=transaction.now,
    )
    return _user((id_, username, role, True, transaction.now, transaction.now, 1))


def change(transaction: Transaction, old: User, new: User) -> User:
    """Update a user; raise PreconditionFailed."""
    count = transaction.execute(
        _UPDATE,
        user_id=old.id,
        old_rev=old.rev,
        new_role=new.role,
        new_active=new.active,
        now=transaction.now,
    )
    require_updated(count)
    return msgspec.structs.replace(new, rev=old.rev + 1, updated_at=rfc3339(transaction.now))


def set_password(transaction: Transaction, user_id: int, hashed: str) -> None:
    """Update a password hash."""
    transaction.execute(_SET_PASSWORD, user_id=user_id, new_password=hashed)


def remove(transaction: Transaction, old: User) -> None:
    """Mark a user as deleted; raise PreconditionFailed."""
    require_updated(transaction.execute(_DELETE, user_id=old.id, old_rev=old.rev, now=transaction.now))


def _user(row: Row) -> User:
    id_, username, role, active, created_at, updated_at, rev = row
    return User(
        id=id_,
        username=username,
        role=role,
        active=bool(active),
        created_at=rfc3339(created_at),
        updated_at=rfc3339(updated_at),
        rev=rev,
    )
