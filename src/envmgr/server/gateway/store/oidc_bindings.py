"""SQL of OIDC bindings and exchanged tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, insert, select

from envmgr.server.contracts.identity_resources import Binding
from envmgr.server.gateway.store.tables import binding, exchanged_token
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.db.constructs import bind_columns, insert_if_absent
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_BY_ID = Statement(select(binding).where(binding.c.id == bindparam("id")))
_OF_ISSUER = Statement(select(binding).where(binding.c.issuer == bindparam("issuer")).order_by(binding.c.id))
_INSERT = Statement(
    insert(binding).values(
        name=bindparam("name"),
        issuer=bindparam("issuer"),
        audience=bindparam("audience"),
        claims=bindparam("claims"),
        scopes=bindparam("scopes"),
        app_ids=bindparam("app_ids"),
        lifetime=bindparam("lifetime"),
        created_by=bindparam("created_by"),
        created_at=bindparam("now"),
    )
)
_DELETE = Statement(delete(binding).where(binding.c.id == bindparam("binding_id")))
_MARK_EXCHANGED = Statement(
    insert_if_absent(exchanged_token, bind_columns("hash", "expires_at"), key=["hash"])
)
_PURGE_EXPIRED = Statement(delete(exchanged_token).where(exchanged_token.c.expires_at < bindparam("before")))
_LISTING = PagedQuery(
    select(binding),
    key=binding.c.id,
    sorts={"id": binding.c.id, "name": binding.c.name, "created_at": binding.c.created_at},
    filters={"issuer": binding.c.issuer},
)


def get(reader: Reader, binding_id: int) -> Binding | None:
    """Return a binding."""
    row = reader.one(_BY_ID, id=binding_id)
    return _binding(row) if row else None


def of_issuer(reader: Reader, issuer: str) -> Sequence[Binding]:
    """Return the bindings of an issuer."""
    return [_binding(row) for row in reader.all(_OF_ISSUER, issuer=issuer)]


def page(reader: Reader, paging: PageRequest) -> Page[Binding]:
    """Return a page of bindings."""
    return _LISTING.page(reader, paging, _binding)


def add(transaction: Transaction, new: Binding) -> Binding:
    """Insert a binding; the ID and timestamp are assigned here."""
    id_ = transaction.insert(
        _INSERT,
        name=new.name,
        issuer=new.issuer,
        audience=new.audience,
        claims=_json(new.claims),
        scopes=_json(new.scopes),
        app_ids=None if new.app_ids is None else _json(new.app_ids),
        lifetime=new.lifetime,
        created_by=new.created_by,
        now=transaction.now,
    )
    return msgspec.structs.replace(new, id=id_, created_at=rfc3339(transaction.now))


def remove(transaction: Transaction, binding_id: int) -> None:
    """Delete a binding."""
    transaction.execute(_DELETE, binding_id=binding_id)


def mark_exchanged(transaction: Transaction, hashed: str, until: int) -> bool:
    """Record that a token was exchanged; return whether this is the first time."""
    return transaction.execute(_MARK_EXCHANGED, hash=hashed, expires_at=until) == 1


def purge_expired(transaction: Transaction) -> None:
    """Delete expired tokens."""
    transaction.execute(_PURGE_EXPIRED, before=transaction.now)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _binding(row: Row) -> Binding:
    id_, name, issuer, audience, claims, scopes, app_ids, lifetime, created_by, created_at = row[:10]
    return Binding(
        id=id_,
        name=name,
        issuer=issuer,
        audience=audience,
        claims=msgspec.json.decode(claims),
        scopes=tuple(msgspec.json.decode(scopes)),
        app_ids=None if app_ids is None else tuple(msgspec.json.decode(app_ids)),
        lifetime=lifetime,
        created_by=created_by,
        created_at=rfc3339(created_at),
    )
