"""Tables and statements of the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, MetaData, Table, bindparam, select

from envmgr.server.kit.db.constructs import bind_columns, rows_of, upsert
from envmgr.server.kit.db.schema import CLUSTERED, Id, Text, Timestamp
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.db.sql import Reader, Transaction

HEAD = "0001"
"""The revision that this code is written for."""

metadata = MetaData()
Tables(metadata)
job = Table(
    "job",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_at", Timestamp, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    **CLUSTERED,
)
event_count = Table(
    "event_count",
    metadata,
    Column("type", Text, primary_key=True),
    Column("count", Id, nullable=False),
    **CLUSTERED,
)

_JOB = Statement(select(job.c.next_at, job.c.attempts).where(job.c.name == bindparam("name")))
_PLAN = Statement(
    upsert(
        job,
        bind_columns("name", "next_at", "attempts", "error"),
        key=["name"],
        update=lambda new: {"next_at": new.next_at, "attempts": new.attempts, "error": new.error},
    )
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


def get_schedule(reader: Reader, name: str) -> tuple[int, int] | None:
    """Return when a job is to run next, and how often it has failed since it last went well."""
    row = reader.one(_JOB, name=name)
    return (int(row[0]), int(row[1])) if row else None


def set_schedule(transaction: Transaction, name: str, next_at: int, attempts: int, error: str) -> None:
    """Record when a job is to run next."""
    transaction.execute(_PLAN, name=name, next_at=next_at, attempts=attempts, error=error)


def increment_counts(transaction: Transaction, more: Mapping[str, int]) -> None:
    """Count events, by type."""
    transaction.execute_many(_COUNT, list(more.items()))


def counts(reader: Reader) -> dict[str, float]:
    """Return how many events there were of each type."""
    return {type_: float(number) for type_, number in reader.all(_COUNTS)}
