"""Health checks and gauges of every service: database, outbox and dead letters."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sqlalchemy import MetaData, column, select, table, update

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.http.health import Check
from envmgr.server.kit.jobs import job_queue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
    from envmgr.server.kit.runtime.service_module import ServiceModule
    from envmgr.server.kit.telemetry.metrics import Metrics

MAX_BACKLOG_EVENTS = 10_000
"""Pending events above which the server reports not ready."""

_HEAD = Tables(MetaData()).outbox_head
_REWRITE_HEAD = Statement(update(_HEAD).values(sequence=_HEAD.c.sequence))
_REVISION = Statement(select(column("version_num")).select_from(table("alembic_version")))


@runtime_checkable
class PooledDatabase(Protocol):
    """A database with a pool of connections."""

    @property
    def connections_in_use(self) -> int:
        """Return the number of connections that units use now."""
        ...

    @property
    def max_connections(self) -> int:
        """Return the limit of these connections."""
        ...


def database_check(databases: Mapping[str, Database]) -> Check:
    """Check that every database commits a change."""

    async def look() -> str:
        await asyncio.gather(*(database.write(_prove_write) for database in databases.values()))
        return f"writable: {', '.join(databases)}"

    return Check("databases", look)


def migration_check(
    databases: Mapping[str, Database], expected_revisions: Mapping[str, str], arguments: str = ""
) -> Check:
    """Check that every database is at the expected revision; `arguments` are those of `migrate`."""

    async def look() -> str:
        for name, database in databases.items():
            row = await database.read_inline(lambda reader: reader.one(_REVISION))
            if row is None or row[0] != expected_revisions[name]:
                raise ServiceUnavailable(
                    f"{name} is at revision {row[0] if row else 'none'}, expected {expected_revisions[name]}; "
                    f"run `envmgr-alm migrate{arguments}`, and the same version of the server everywhere"
                )
        return "all databases at the expected revision"

    return Check("migrations", look)


def event_backlog_check(
    modules: Sequence[ServiceModule],
    lag: ConsumerLag,
    worker_problems: Callable[[], Awaitable[Sequence[str]]],
) -> Check:
    """Check that events are relayed, and that no consumer lags by too many."""

    async def look() -> str:
        pending = sum((await _backlogs(modules)).values())
        problems = [*await worker_problems(), *_excess("events pending", pending)]
        lags = await lag.by_consumer()
        for consumer, events in lags.items():
            problems += _excess(f"events behind: {consumer}", events)
        if problems:
            raise ServiceUnavailable("; ".join(problems))
        return f"{pending:g} events pending, consumers at most {max(lags.values(), default=0)} behind"

    return Check("events", look)


def _excess(label: str, events: float) -> list[str]:
    return [f"{events:g} {label}"] if events > MAX_BACKLOG_EVENTS else []


def backlog_gauges(
    metrics: Metrics, modules: Sequence[ServiceModule], lag: ConsumerLag
) -> Callable[[], Awaitable[None]]:
    """Update the gauges of pending and dead-lettered events."""

    async def measure() -> None:
        metrics.set_gauge(
            "alm_outbox_backlog",
            "Events that the bus has not acknowledged.",
            "service",
            await _backlogs(modules),
        )
        metrics.set_gauge(
            "alm_outbox_oldest_event_age_seconds",
            "Age of the oldest event that the bus has not acknowledged; 0 without one.",
            "service",
            await _oldest_ages(modules),
        )
        metrics.set_gauge(
            "alm_jobs_oldest_due_age_seconds",
            "Time since the oldest job that waits for a run was due; 0 without one.",
            "service",
            await _oldest_due_ages(modules),
        )
        lags = {consumer: float(events) for consumer, events in (await lag.by_consumer()).items()}
        metrics.set_gauge("alm_consumer_lag_events", "Events not yet consumed.", "consumer", lags)
        dead_letters = {module.name: float(await module.dead_letters.count()) for module in modules}
        metrics.set_gauge("alm_dead_letters", "Events in the dead-letter queue.", "service", dead_letters)

    return measure


def pool_gauges(metrics: Metrics, databases: Mapping[str, Database]) -> Callable[[], Awaitable[None]]:
    """Update the gauges of the databases that have a pool of connections."""
    pooled = {name: database for name, database in databases.items() if isinstance(database, PooledDatabase)}

    async def measure() -> None:
        metrics.set_gauge(
            "alm_db_connections_in_use",
            "Connections to the database that units of work use.",
            "service",
            {name: database.connections_in_use for name, database in pooled.items()},
        )
        metrics.set_gauge(
            "alm_db_connections_max",
            "Limit of the connections to the database.",
            "service",
            {name: database.max_connections for name, database in pooled.items()},
        )

    return measure


async def _oldest_ages(modules: Sequence[ServiceModule]) -> dict[str, float]:
    times = {module.name: await module.outbox.oldest_pending_time() for module in modules}
    return {name: _age_seconds(time) for name, time in times.items()}


async def _oldest_due_ages(modules: Sequence[ServiceModule]) -> dict[str, float]:
    now = now_ms()
    times = {
        module.name: await module.database.read_inline(partial(job_queue.oldest_due_time, now=now))
        for module in modules
    }
    return {name: _age_seconds(time) for name, time in times.items()}


def _age_seconds(time_ms: int | None) -> float:
    return 0.0 if time_ms is None else max(0, now_ms() - time_ms) / 1000


async def _backlogs(modules: Sequence[ServiceModule]) -> dict[str, float]:
    return {module.name: float(await module.outbox.backlog()) for module in modules}


def _prove_write(transaction: Transaction) -> None:
    """Write a row: an empty transaction commits on a full disk and on a read-only file, too."""
    if transaction.execute(_REWRITE_HEAD) != 1:
        raise ServiceUnavailable(
            "the row of outbox_head is missing; stop the server and restore all databases from one backup"
        )
