"""SQL of API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, insert, or_, select, update

from envmgr.server.contracts.identity_resources import ApiKey
from envmgr.server.gateway.store.tables import api_key, user
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.contracts.identity_resources import HumanRole
    from envmgr.server.kit.common.context import Scope
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_COLUMNS = (
    api_key.c.id,
    api_key.c.name,
    api_key.c.user_id,
    api_key.c.scopes,
    api_key.c.app_ids,
    api_key.c.created_at,
    api_key.c.expires_at,
    api_key.c.last_used_at,
)
_VALID = (
    api_key.c.revoked_at.is_(None),
    or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > bindparam("now")),
)
_FIND_ACTIVE = Statement(
    select(
        api_key.c.hash,
        api_key.c.scopes,
        api_key.c.app_ids,
        api_key.c.expires_at,
        api_key.c.user_id,
        user.c.role,
    )
    .select_from(api_key.join(user, user.c.id == api_key.c.user_id))
    .where(api_key.c.id == bindparam("id"), user.c.active, user.c.deleted_at.is_(None), *_VALID)
)
_BY_ID = Statement(select(*_COLUMNS).where(api_key.c.id == bindparam("id"), api_key.c.revoked_at.is_(None)))
_INSERT = Statement(
    insert(api_key).values(
        user_id=bindparam("user"),
        name=bindparam("name"),
        hash="",
        scopes=bindparam("scopes"),
        app_ids=bindparam("app_ids"),
        created_at=bindparam("now"),
        expires_at=bindparam("until"),
    )
)
_SET_HASH = Statement(
    update(api_key).where(api_key.c.id == bindparam("key_id")).values(hash=bindparam("new_hash"))
)
_REVOKE = Statement(
    update(api_key)
    .where(api_key.c.id == bindparam("key_id"), api_key.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_OF_USER = Statement(
    select(*_COLUMNS).where(api_key.c.user_id == bindparam("user"), *_VALID).order_by(api_key.c.id)
)
_SET_LAST_USED = Statement(
    update(api_key).where(api_key.c.id == bindparam("key_id")).values(last_used_at=bindparam("used_at"))
)
_LISTING = PagedQuery(
    select(*_COLUMNS).where(api_key.c.revoked_at.is_(None)),
    key=api_key.c.id,
    sorts={"id": api_key.c.id, "name": api_key.c.name, "created_at": api_key.c.created_at},
    filters={"user_id": api_key.c.user_id, "name": api_key.c.name},
)


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """An active key with its owner's current role."""

    hash: str
    scopes: frozenset[Scope]
    apps: frozenset[int] | None
    expires_at: int | None
    user_id: int
    role: HumanRole


def find_active(reader: Reader, key_id: int, now: int) -> ActiveKey | None:
    """Return a key that is neither revoked nor expired, of an active user."""
    row = reader.one(_FIND_ACTIVE, id=key_id, now=now)
    if row is None:
        return None
    hashed, scopes, app_ids, expires_at, user_id, role = row
    return ActiveKey(
        hashed,
        frozenset(msgspec.json.decode(scopes)),
        None if app_ids is None else frozenset(_decode_ids(app_ids)),
        expires_at,
        user_id,
        role,
    )


def get(reader: Reader, key_id: int) -> ApiKey | None:
    """Return a key that is not revoked."""
    row = reader.one(_BY_ID, id=key_id)
    return _key(row) if row else None


def page(reader: Reader, paging: PageRequest) -> Page[ApiKey]:
    """Return a page of the keys that are not revoked."""
    return _LISTING.page(reader, paging, _key)


def add(transaction: Transaction, key: ApiKey, until: int | None) -> ApiKey:
    """Insert a key without its secret; the ID and timestamps are assigned here."""
    app_ids = None if key.app_ids is None else _json(key.app_ids)
    id_ = transaction.insert(
        _INSERT,
        user=key.user_id,
        name=key.name,
        scopes=_json(key.scopes),
        app_ids=app_ids,
        now=transaction.now,
        until=until,
    )
    return msgspec.structs.replace(
        key,
        id=id_,
        created_at=rfc3339(transaction.now),
        expires_at=None if until is None else rfc3339(until),
    )


def set_hash(transaction: Transaction, key_id: int, hashed: str) -> None:
    """Update the hash of a key's secret."""
    transaction.execute(_SET_HASH, key_id=key_id, new_hash=hashed)


def revoke(transaction: Transaction, key_id: int) -> None:
    """Revoke a key permanently."""
    transaction.execute(_REVOKE, key_id=key_id, now=transaction.now)


def active_of_user(reader: Reader, user_id: int, now: int) -> list[ApiKey]:
    """Return a user's keys that are neither revoked nor expired."""
    return [_key(row) for row in reader.all(_OF_USER, user=user_id, now=now)]


def set_last_used(transaction: Transaction, timestamps: Mapping[int, int]) -> None:
    """Record when keys were last used."""
    for key_id, at in timestamps.items():
        transaction.execute(_SET_LAST_USED, key_id=key_id, used_at=at)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


_decode_ids = msgspec.json.Decoder(tuple[int, ...]).decode


def _key(row: Row) -> ApiKey:
    id_, name, user_id, scopes, app_ids, created_at, expires_at, last_used_at = row
    return ApiKey(
        id=id_,
        name=name,
        user_id=user_id,
        scopes=tuple(msgspec.json.decode(scopes)),
        app_ids=None if app_ids is None else _decode_ids(app_ids),
        created_at=rfc3339(created_at),
        expires_at=None if expires_at is None else rfc3339(expires_at),
        last_used_at=None if last_used_at is None else rfc3339(last_used_at),
    )
