"""SQL of environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, select
from sqlalchemy import delete as delete_from
from sqlalchemy import update as update_rows

from envmgr.server.contracts.resources import Environment, Rules
from envmgr.server.deployment.domain import environment_rules
from envmgr.server.deployment.store import tables
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.preconditions import require_updated
from envmgr.server.kit.db.constructs import bind_columns, insert_if_absent
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from envmgr.server.contracts.requests import EnvironmentPut
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Reader, Row, Transaction

_TABLE = tables.environment
_COLUMNS = select(_TABLE)
_BY_NAME = Statement(_COLUMNS.where(_TABLE.c.folded == bindparam("folded")))
_ALL = Statement(_COLUMNS.order_by(_TABLE.c.sort_order, _TABLE.c.name))
_INSERT = Statement(
    insert_if_absent(
        _TABLE,
        {
            **bind_columns("name", "folded", "tier", "sort_order", "rules"),
            "created_at": bindparam("now"),
            "updated_at": bindparam("now"),
            "rev": 1,
        },
        key=["folded"],
    ).returning(_TABLE.c.id)
)
_UPDATE = Statement(
    update_rows(_TABLE)
    .where(_TABLE.c.id == bindparam("environment_id"), _TABLE.c.rev == bindparam("old_rev"))
    .values(
        tier=bindparam("new_tier"),
        sort_order=bindparam("new_sort_order"),
        rules=bindparam("new_rules"),
        updated_at=bindparam("now"),
        rev=_TABLE.c.rev + 1,
    )
)
_DELETE = Statement(
    delete_from(_TABLE).where(
        _TABLE.c.id == bindparam("environment_id"), _TABLE.c.rev == bindparam("old_rev")
    )
)
_LISTING = PagedQuery(
    _COLUMNS,
    key=_TABLE.c.id,
    sorts={name: _TABLE.c[name] for name in ("id", "name", "tier", "sort_order", "created_at", "updated_at")},
    filters={"tier": _TABLE.c.tier, "name": _TABLE.c.folded},
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Rules).decode


def find(reader: Reader, name: str) -> Environment | None:
    """Return an environment, or None."""
    row = reader.one(_BY_NAME, folded=name.casefold())
    return _environment(row) if row else None


def list_all(reader: Reader) -> list[Environment]:
    """Return all environments in their sort order."""
    return [_environment(row) for row in reader.all(_ALL)]


def page(reader: Reader, paging: PageRequest, apps: frozenset[str] | None) -> Page[Environment]:
    """Return a page of environments, optionally with the rules about the apps of these names only."""
    return _LISTING.page(
        reader,
        paging.with_folded("name"),
        lambda row: environment_rules.visible_with(_environment(row), apps),
    )


def insert(transaction: Transaction, name: str, put: EnvironmentPut) -> Environment | None:
    """Create the row of an environment; return None where the name is taken."""
    row = transaction.one(
        _INSERT,
        name=name,
        folded=name.casefold(),
        tier=put.tier,
        sort_order=put.sort_order,
        rules=_encode(put.rules).decode(),
        now=transaction.now,
    )
    if row is None:
        return None
    created_at = rfc3339(transaction.now)
    return Environment(
        id=row[0],
        name=name,
        tier=put.tier,
        sort_order=put.sort_order,
        rules=put.rules,
        created_at=created_at,
        updated_at=created_at,
        rev=1,
    )


def update(transaction: Transaction, old: Environment, put: EnvironmentPut) -> Environment:
    """Write new values to the row of an environment; raise PreconditionFailed."""
    count = transaction.execute(
        _UPDATE,
        environment_id=old.id,
        old_rev=old.rev,
        new_tier=put.tier,
        new_sort_order=put.sort_order,
        new_rules=_encode(put.rules).decode(),
        now=transaction.now,
    )
    require_updated(count)
    return replace(
        old,
        tier=put.tier,
        sort_order=put.sort_order,
        rules=put.rules,
        updated_at=rfc3339(transaction.now),
        rev=old.rev + 1,
    )


def delete(transaction: Transaction, old: Environment) -> None:
    """Delete the row of an environment; raise PreconditionFailed."""
    require_updated(transaction.execute(_DELETE, environment_id=old.id, old_rev=old.rev))


def _environment(row: Row) -> Environment:
    id_, name, tier, sort_order, rules, created_at, updated_at, rev, _ = row
    return Environment(
        id=id_,
        name=name,
        tier=tier,
        sort_order=sort_order,
        rules=_decode(rules),
        created_at=rfc3339(created_at),
        updated_at=rfc3339(updated_at),
        rev=rev,
    )
