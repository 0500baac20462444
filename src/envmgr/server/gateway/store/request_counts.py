"""SQL of the requests of principals in a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select

from envmgr.server.gateway.store.tables import request_count
from envmgr.server.kit.db.constructs import rows_of, upsert
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.db.sql import Transaction

_ADD = Statement(
    upsert(
        request_count,
        rows_of(request_count, "minute", "principal", "count"),
        key=["minute", "principal"],
        update=lambda new: {"count": request_count.c.count + new["count"]},
    )
)
_TOTALS = Statement(
    select(request_count.c.principal, request_count.c.count).where(
        request_count.c.minute == bindparam("minute")
    )
)
_PURGE = Statement(delete(request_count).where(request_count.c.minute < bindparam("before")))


def add(transaction: Transaction, minute: int, counts: Mapping[str, int]) -> dict[str, int]:
    """Add requests of principals in a minute, numbered since 1970; return all of that minute.

    Earlier minutes are deleted.
    """
    transaction.execute(_PURGE, before=minute)
    transaction.execute_many(_ADD, [(minute, principal, count) for principal, count in counts.items()])
    return {str(principal): int(count) for principal, count in transaction.all(_TOTALS, minute=minute)}
