"""Service module: what a service provides to the process that runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from envmgr.server.kit.db import idempotency
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.messaging import inbox, outbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.jobs.job_runner import JobHandler
    from envmgr.server.kit.jobs.unit_job import JobUnit
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.messaging.outbox import Outbox
    from envmgr.server.kit.runtime.periodic_task import PeriodicTask


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job that runs at an interval in seconds, in one process of a service at a time."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]


async def _noop_async() -> None:
    """Do nothing."""


def _noop() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class ServiceModule:
    """A service's routes, subscriptions, events and jobs."""

    name: str
    routes: Sequence[Any]
    database: Database
    outbox: Outbox
    dead_letters: DeadLetters
    subscriptions: Sequence[Subscription] = ()
    jobs: Sequence[ScheduledJob] = ()
    job_handlers: Mapping[str, JobHandler] = field(default_factory=dict)
    """What runs the jobs that its units of work enqueue, by their kind."""
    job_units: Mapping[str, JobUnit] = field(default_factory=dict)
    """The effects of those that are one unit of work, by their kind."""
    tasks: Sequence[PeriodicTask] = ()
    begin_shutdown: Callable[[], None] = field(default=_noop)
    """Called when shutdown begins, to end streaming responses."""
    close: Callable[[], Awaitable[None]] = field(default=_noop_async)
    """Called once, after the last request and event and before the database closes."""


def cleanup_job(name: str, database: Database) -> ScheduledJob:
    """Create the job that deletes expired rows of the shared tables."""

    def purge(transaction: Transaction) -> None:
        for module in (idempotency, inbox, outbox, job_queue):
            module.purge_expired(transaction)

    async def run() -> None:
        await database.write(purge)

    return ScheduledJob(f"{name}-housekeeping", 3600, run)
