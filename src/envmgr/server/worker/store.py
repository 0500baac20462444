"""Tables and statements of the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, Table, select

from envmgr.server.kit.db.constructs import rows_of, upsert
from envmgr.server.kit.db.schema import CLUSTERED, Id, Text
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.db.sql import Reader, Transaction

HEAD = "0001"
"""The revision that this code is written for."""

metadata = MetaData()
Tables(metadata)
event_count = Table(
    "event_count",
    metadata,
    Column("type", Text, primary_key=True),
    Column("count", Id, nullable=False),
    **CLUSTERED,
)

_COUNT = Statement(
    upsert(
        event_count,
        rows_of(event_count, "type", "count"),
        key=["type"],
        update=lambda new: {"count": event_count.c.count + new["count"]},
    )
)
_COUNTS = Statement(select(event_count.c.type, event_count.c.count))


def increment_counts(transaction: Transaction, more: Mapping[str, int]) -> None:
    """Count events, by type."""
    transaction.execute_many(_COUNT, list(more.items()))


def counts(reader: Reader) -> dict[str, float]:
    """Return how many events there were of each type."""
    return {type_: float(number) for type_, number in reader.all(_COUNTS)}
