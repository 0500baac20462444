"""The worker's tables, and what is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement, json_rows

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
    Column("next_at", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("error", Text, nullable=False),
    sqlite_with_rowid=False,
)
event_count = Table(
    "event_count",
    metadata,
    Column("type", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)

_JOB = Statement(select(job.c.next_at, job.c.tries).where(job.c.name == bindparam("which")))
_PLAN = Statement(
    insert(job)
    .values({name: bindparam(name) for name in ("name", "next_at", "tries", "error")})
    .on_conflict_do_update(
        index_elements=["name"], set_={name: bindparam(name) for name in ("next_at", "tries", "error")}
    )
)
_COUNTED = insert(event_count).from_select(["type", "count"], json_rows("type", "count"))
_COUNT = Statement(
    _COUNTED.on_conflict_do_update(
        index_elements=["type"], set_={"count": event_count.c.count + _COUNTED.excluded.count}
    )
)
_COUNTS = Statement(select(event_count.c.type, event_count.c.count))


def get_schedule(reader: Reader, name: str) -> tuple[int, int] | None:
    """Return when a job is to run next, and how often it has failed since it last went well."""
    row = reader.one(_JOB, which=name)
    return (int(row[0]), int(row[1])) if row else None


def set_schedule(transaction: Transaction, name: str, next_at: int, attempts: int, error: str) -> None:
    """Write down when a job is to run next."""
    transaction.execute(_PLAN, name=name, next_at=next_at, tries=attempts, error=error)


def increment_counts(transaction: Transaction, more: Mapping[str, int]) -> None:
    """Count events, by type."""
    transaction.execute_many(_COUNT, list(more.items()))


def counts(reader: Reader) -> dict[str, float]:
    """Return how many events there were of each type."""
    return {type_: float(number) for type_, number in reader.all(_COUNTS)}
