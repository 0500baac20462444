"""What a service is to whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from envmgr.server.kit.db import idempotency
from envmgr.server.kit.messaging import inbox, outbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.messaging.outbox import Outbox


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """Something to do again and again, by the worker, every so many seconds."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]


async def _noop_async() -> None:
    """Do nothing."""


def _noop() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class ServiceModule:
    """A service's parts: its routes, what it listens to, what it tells, and what is to be done for it."""

    name: str
    routes: Sequence[Any]
    outbox: Outbox
    dead_letters: DeadLetters
    subscriptions: Sequence[Subscription] = ()
    jobs: Sequence[ScheduledJob] = ()
    begin_shutdown: Callable[[], None] = field(default=_noop)
    """Called as soon as the server begins to stop: answers that would go on for ever come to their end."""
    close: Callable[[], Awaitable[None]] = field(default=_noop_async)
    """Called once, when no more requests and events come, before the database closes."""


def cleanup_job(name: str, database: Database) -> ScheduledJob:
    """Make the job that drops what the tables of `kit.tables` need no longer."""

    def unit(transaction: Transaction) -> None:
        for forget in (idempotency.purge_expired, inbox.purge_expired, outbox.purge_expired):
            forget(transaction)

    async def run() -> None:
        await database.write(unit)

    return ScheduledJob(f"{name}-housekeeping", 3600, run)
