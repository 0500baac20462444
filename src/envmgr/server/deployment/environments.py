"""Environments: their rows, and the units of work that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, delete, insert, select, update

from envmgr.server.contracts.events import ENVIRONMENT_CREATED, ENVIRONMENT_DELETED, ENVIRONMENT_UPDATED
from envmgr.server.contracts.requests import EnvironmentPut
from envmgr.server.contracts.resources import Environment, Rules
from envmgr.server.deployment import domain, environment_rules, store, tables
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.preconditions import etag_of, require_match
from envmgr.server.kit.common.problems import PreconditionFailed
from envmgr.server.kit.common.results import Result
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from envmgr.server.contracts.requests import EnvironmentPatch
    from envmgr.server.deployment.domain import Initiator
    from envmgr.server.kit.common.context import Principal, RequestContext
    from envmgr.server.kit.db.pagination import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_TABLE = tables.environment
_COLUMNS = select(_TABLE)
_BY_NAME = Statement(_COLUMNS.where(_TABLE.c.name == bindparam("name")))
_ALL = Statement(_COLUMNS.order_by(_TABLE.c.sort_order, _TABLE.c.name))
_INSERT = Statement(
    insert(_TABLE).values(
        name=bindparam("name"),
        tier=bindparam("tier"),
        sort_order=bindparam("sort_order"),
        rules=bindparam("rules"),
        created_at=bindparam("now"),
        updated_at=bindparam("now"),
        rev=1,
    )
)
_UPDATE = Statement(
    update(_TABLE)
    .where(_TABLE.c.name == bindparam("which"))
    .values(
        tier=bindparam("of_tier"),
        sort_order=bindparam("at"),
        rules=bindparam("asks"),
        updated_at=bindparam("now"),
        rev=_TABLE.c.rev + 1,
    )
)
_DELETE = Statement(delete(_TABLE).where(_TABLE.c.name == bindparam("which")))
_LISTING = PagedQuery(
    _COLUMNS,
    key=_TABLE.c.id,
    sorts={name: _TABLE.c[name] for name in ("id", "name", "tier", "sort_order", "created_at", "updated_at")},
    filters={"tier": _TABLE.c.tier, "name": _TABLE.c.name},
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Rules).decode


def find(reader: Reader, name: str) -> Environment | None:
    """Return an environment."""
    row = reader.one(_BY_NAME, name=name)
    return _environment(row) if row else None


def get(reader: Reader, name: str) -> Environment:
    """Return an environment; raise NotFound."""
    found = find(reader, name)
    if found is None:
        raise environment_rules.environment_not_found(name)
    return found


def list_all(reader: Reader) -> list[Environment]:
    """Return all of them, in the order they stand in."""
    return [_environment(row) for row in reader.all(_ALL)]


def page(reader: Reader, paging: PageRequest, principal: Principal) -> Page[Environment]:
    """Return a page of them, as somebody may see them."""
    return _LISTING.page(
        reader, paging, lambda row: environment_rules.visible_to(_environment(row), principal)
    )


def get_or_create(transaction: Transaction, name: str, initiator: Initiator) -> Environment:
    """Return an environment, made now if this is its first use."""
    return find(transaction, name) or _add(transaction, name, environment_rules.infer_tier(name), initiator)


def create(transaction: Transaction, context: RequestContext, name: str, put: EnvironmentPut) -> Environment:
    """Make an environment; raise AlreadyExists."""
    if find(transaction, name) is not None:
        raise environment_rules.name_taken(name)
    return _add(transaction, name, put, domain.initiator(context))


def upsert(
    transaction: Transaction, context: RequestContext, name: str, put: EnvironmentPut
) -> Result[Environment]:
    """Say all of an environment, new or not."""
    old = find(transaction, name)
    if old is not None:
        return Result(_change(transaction, context, old, put), created=False)
    if context.if_match is not None:
        raise PreconditionFailed(f"there is no environment {name!r} any more: decide anew")
    return Result(_add(transaction, name, put, domain.initiator(context)))


def change(
    transaction: Transaction, context: RequestContext, name: str, change_: EnvironmentPatch
) -> Environment:
    """Say some of an environment."""
    old = get(transaction, name)
    return _change(transaction, context, old, environment_rules.merged(old, change_))


def rename_app_in_rules(transaction: Transaction, was: str, now: str | None, initiator: Initiator) -> None:
    """Write an app's new name into the rules about it; without a new name, take them out."""
    for old in list_all(transaction):
        put = EnvironmentPut(
            tier=old.tier,
            sort_order=old.sort_order,
            rules=environment_rules.with_renamed_app(old.rules, was, now),
        )
        if environment_rules.differs(old, put):
            _write(transaction, old, put, initiator)


def remove(transaction: Transaction, context: RequestContext, name: str) -> None:
    """Remove an environment; raise EnvironmentInUse where anything was ever deployed to it."""
    old = get(transaction, name)
    require_match(context, etag_of(old))
    if store.has_any_in(transaction, name):
        raise environment_rules.in_use(name)
    transaction.execute(_DELETE, which=name)
    transaction.emit(environment_rules.environment_event(ENVIRONMENT_DELETED, old, domain.initiator(context)))


def _add(transaction: Transaction, name: str, put: EnvironmentPut, initiator: Initiator) -> Environment:
    id_ = transaction.insert(
        _INSERT,
        name=name,
        tier=put.tier,
        sort_order=put.sort_order,
        rules=_encode(put.rules).decode(),
        now=transaction.now,
    )
    at = rfc3339(transaction.now)
    new = Environment(
        id=id_,
        name=name,
        tier=put.tier,
        sort_order=put.sort_order,
        rules=put.rules,
        created_at=at,
        updated_at=at,
        rev=1,
    )
    transaction.emit(environment_rules.environment_event(ENVIRONMENT_CREATED, new, initiator))
    return new


def _change(
    transaction: Transaction, context: RequestContext, old: Environment, put: EnvironmentPut
) -> Environment:
    require_match(context, etag_of(old))
    if not environment_rules.differs(old, put):
        return old
    return _write(transaction, old, put, domain.initiator(context))


def _write(
    transaction: Transaction, old: Environment, put: EnvironmentPut, initiator: Initiator
) -> Environment:
    transaction.execute(
        _UPDATE,
        which=old.name,
        of_tier=put.tier,
        at=put.sort_order,
        asks=_encode(put.rules).decode(),
        now=transaction.now,
    )
    new = replace(
        old,
        tier=put.tier,
        sort_order=put.sort_order,
        rules=put.rules,
        updated_at=rfc3339(transaction.now),
        rev=old.rev + 1,
    )
    transaction.emit(environment_rules.environment_event(ENVIRONMENT_UPDATED, new, initiator))
    return new


def _environment(row: Row) -> Environment:
    id_, name, tier, sort_order, asked, created_at, updated_at, rev = row
    return Environment(
        id=id_,
        name=name,
        tier=tier,
        sort_order=sort_order,
        rules=_decode(asked),
        created_at=rfc3339(created_at),
        updated_at=rfc3339(updated_at),
        rev=rev,
    )
