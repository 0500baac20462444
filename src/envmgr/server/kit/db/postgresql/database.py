"""Database runner for PostgreSQL: SERIALIZABLE transactions on the event loop.

A unit is a synchronous function in a greenlet; its statements suspend its greenlet while the event loop waits for
their results. Measured with two clients' drivers on the same transaction of three statements, processor time per
unit: 0.56 ms so, 0.75 ms in a thread per transaction, 1.38 ms through SQLAlchemy's asynchronous engine.

Units that arrive while others are written are committed as one group (`unit_groups`). Where that fails, they run again
in a transaction each. There, conflicting units run again: a few times beside others, then alone in this process, so
that each completes. A unit that has started is finished even if its caller is cancelled: its connection is never left
in a transaction.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.util.concurrency import await_, greenlet_spawn, in_greenlet

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.common.shared_calls import SharedCalls
from envmgr.server.kit.db.commit_listeners import CommitListeners
from envmgr.server.kit.db.postgresql import driver
from envmgr.server.kit.db.postgresql.failures import (
    RETRY_AFTER_SECONDS,
    CommitLost,
    RolledBack,
    translate_errors,
)
from envmgr.server.kit.db.postgresql.leadership import CHANNEL, RELAY_IDLE_SECONDS, PostgresLeadership
from envmgr.server.kit.db.postgresql.pool import ConnectionPool
from envmgr.server.kit.db.postgresql.transaction import PostgresReader, PostgresTransaction
from envmgr.server.kit.db.postgresql.unit_groups import PendingUnit, UnitQueue
from envmgr.server.kit.db.postgresql.unit_retries import UnitRetries

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from contextlib import AbstractAsyncContextManager
    from contextvars import Context

    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.postgresql.driver import Connection
    from envmgr.server.kit.db.postgresql.unit_groups import UnitGroup
    from envmgr.server.kit.db.sql import Reader, Transaction

T = TypeVar("T")
CONCURRENT_ATTEMPTS = 3
"""Attempts of a unit beside others, before it runs alone in this process."""
MAX_ATTEMPTS = 12
"""Attempts in all: once it runs alone, a unit conflicts with those of other processes only."""
NOTIFY_INTERVAL_SECONDS = 0.01
MAX_WRITERS, MAX_READERS = 6, 4
"""Connections of one service in one process; a server accepts 100 by default."""
_BEGIN_WRITE = "BEGIN ISOLATION LEVEL SERIALIZABLE"
_BEGIN_GROUP = f"{_BEGIN_WRITE}; SET LOCAL lock_timeout = '20ms'"
"""No unit of a group waits for long for a lock that another one encounters; alone, it does."""
_BEGIN_NUMBER = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Each statement sees what was committed before it."""
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
"""Of one snapshot; readers that only read need not conflict with writers."""


class PostgresDatabase:
    """A database by its URL; `source` names the service in errors and sessions."""

    def __init__(
        self,
        url: str,
        source: str,
        append_events: Callable[[Transaction, Sequence[DomainEvent]], None],
        number_events: Callable[[Transaction], bool],
    ) -> None:
        self.source = source
        self._append_events = append_events
        self._number_batch = number_events
        self._listeners = CommitListeners()
        self._job_listeners = CommitListeners()
        # Units read in other databases, and in their own: connections are not awaited of a pool that is in use for it.
        self._writers = ConnectionPool(url, f"envmgr-alm {source}", MAX_WRITERS)
        self._readers = ConnectionPool(url, f"envmgr-alm {source}", MAX_READERS)
        # Callers share transactions, which would wait for one another.
        self._numbering = SharedCalls(self._number_all, max_wait_seconds=None)
        self._queue = UnitQueue(self._write_group, self._start)
        self._leadership = PostgresLeadership(
            url, source, self._listeners.call, idle_seconds=RELAY_IDLE_SECONDS
        )
        self._notification: asyncio.TimerHandle | None = None
        self._units: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work and return once it is durable; raise ServiceUnavailable."""
        self._require_open()
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.add(PendingUnit(work, future))
        return await future

    async def read(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function over one snapshot; raise ServiceUnavailable."""
        return await self._finish(self._read(work, _BEGIN_READ))

    async def read_inline(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function without a transaction, which takes two more round trips."""
        return await self._finish(self._read(work, ""))

    def read_blocking(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function over one snapshot: in a unit, or in a thread that has no event loop."""
        if in_greenlet():
            return await_(self.read(work))
        if self._loop is None:
            raise ServiceUnavailable("the database has not been used yet")
        return asyncio.run_coroutine_threadsafe(self.read(work), self._loop).result()

    def commit_version(self) -> int | None:
        """Return None: to ask the server for a version takes as long as to read a few rows."""
        return None

    def on_events(self, listener: Callable[[], None]) -> None:
        """Call a listener after each commit that recorded events."""
        self._listeners.add(listener)

    def on_jobs(self, listener: Callable[[], None]) -> None:
        """Call a listener after each commit that enqueued jobs."""
        self._job_listeners.add(listener)

    async def number_events(self) -> None:
        """Assign numbers to the committed events; raise ServiceUnavailable."""
        await self._numbering.fetch(self.source)

    def leadership(self) -> PostgresLeadership:
        """Return the role of the process that relays this database's events."""
        return self._leadership

    @property
    def connections_in_use(self) -> int:
        """Return the number of connections that units use now."""
        return self._writers.in_use + self._readers.in_use

    @property
    def max_connections(self) -> int:
        """Return the limit of these connections."""
        return MAX_WRITERS + MAX_READERS

    async def close(self) -> None:
        """Finish pending units and close the connections."""
        self._closed = True
        if self._notification is not None:
            self._notification.cancel()
        while self._units:
            await asyncio.wait(self._units)
        await self._leadership.release()
        await self._writers.close()
        await self._readers.close()

    async def _finish(self, unit: Coroutine[Any, Any, T]) -> T:
        """Run a unit to its end, even if the caller is cancelled."""
        try:
            self._require_open()
        except ServiceUnavailable:
            unit.close()
            raise
        self._loop = asyncio.get_running_loop()
        return await asyncio.shield(self._start(unit))

    def _require_open(self) -> None:
        if self._closed:
            raise ServiceUnavailable("shutting down")

    def _start(self, unit: Coroutine[Any, Any, T], context: Context | None = None) -> asyncio.Task[T]:
        """Start what `close` waits for."""
        task = asyncio.get_running_loop().create_task(unit, context=context)
        self._units.add(task)
        task.add_done_callback(self._discard)
        return task

    def _discard(self, task: asyncio.Task[Any]) -> None:
        self._units.discard(task)
        if not task.cancelled():
            task.exception()  # The caller may be gone.

    async def _read(self, work: Callable[[Reader], T], begin: str) -> T:
        with translate_errors(self.source):
            async with self._readers.connection(begin) as connection:
                try:
                    return await greenlet_spawn(work, PostgresReader(connection))
                finally:
                    if begin:
                        await _roll_back(connection)

    async def _write_group(self, group: UnitGroup) -> None:
        """Commit a group; if it was rolled back, write its units one by one."""
        try:
            with translate_errors(self.source):
                postponed = await self._commit_group(group)
            await self._write_separately(postponed)
        except RolledBack as failure:
            # For the only one of its group, that was the first attempt.
            await self._write_separately(group.units, None if group.units[1:] else failure)
        except CommitLost as failure:
            group.fail_commit(failure)
        except Exception as error:  # noqa: BLE001 - the callers raise it
            group.fail(error)

    async def _commit_group(self, group: UnitGroup) -> Sequence[PendingUnit]:
        """Commit the units of a group, and return those that were postponed; raise RolledBack, CommitLost."""
        async with self._writers.connection(_BEGIN_GROUP) as connection:
            group.take_pending()
            transaction = PostgresTransaction(connection, now_ms())
            await self._run(connection, transaction, group.run)
        return group.resolve()

    async def _write_separately(
        self, units: Sequence[PendingUnit], earlier: RolledBack | None = None
    ) -> None:
        """Write units in a transaction each; `earlier` is how their first attempt ended."""
        await asyncio.gather(*(self._write_alone(unit, earlier) for unit in units))

    async def _write_alone(self, unit: PendingUnit, earlier: RolledBack | None) -> None:
        try:
            unit.succeed(await self._write(unit.run_alone, earlier))
        except CommitLost as failure:
            unit.fail_commit(failure)
        except Exception as error:  # noqa: BLE001 - the caller raises it
            unit.fail(error)

    async def _write(self, work: Callable[[PostgresTransaction], T], earlier: RolledBack | None) -> T:
        """Run a unit in a transaction of its own until it is committed; raise ServiceUnavailable, CommitLost."""
        retries = UnitRetries()
        with translate_errors(self.source):
            if earlier is not None:
                await retries.prepare_retry_after_group(earlier)
            for attempt in range(0 if earlier is None else 1, MAX_ATTEMPTS):
                try:
                    async with self._lend_writer(attempt) as connection:
                        return await self._run(connection, PostgresTransaction(connection, now_ms()), work)
                except RolledBack as failure:
                    await retries.prepare_retry(failure)
        raise ServiceUnavailable(
            f"database of {self.source} is busy: a change was in conflict {MAX_ATTEMPTS} times",
            retry_after=RETRY_AFTER_SECONDS,
        )

    def _lend_writer(self, attempt: int) -> AbstractAsyncContextManager[Connection]:
        is_alone = attempt >= CONCURRENT_ATTEMPTS
        return (self._writers.only_connection if is_alone else self._writers.connection)(_BEGIN_WRITE)

    async def _run(
        self,
        connection: Connection,
        transaction: PostgresTransaction,
        work: Callable[[PostgresTransaction], T],
    ) -> T:
        """Run and commit what is written in a transaction; raise RolledBack, CommitLost."""
        try:
            result: T = await greenlet_spawn(self._with_events, transaction, work)
        except Exception as error:
            failure = RolledBack(error, is_violation=transaction.has_violation)
            if failure.is_lost_connection:
                connection.terminate()
            else:
                await _roll_back(connection)
            raise failure from error
        await self._commit(connection)
        if transaction.events:
            self._listeners.call()
            self._notify_leader()
        if transaction.has_jobs:
            self._job_listeners.call()
        return result

    def _notify_leader(self) -> None:
        """Notify the leader if it is another process: at an interval, as each notification locks the server."""
        if self._leadership.is_leader or self._notification or self._closed or self._loop is None:
            return
        self._notification = self._loop.call_later(NOTIFY_INTERVAL_SECONDS, self._begin_notification)

    def _begin_notification(self) -> None:
        self._notification = None
        self._start(self._send_notification())

    async def _send_notification(self) -> None:
        # A notification that is lost is made up for: the leader also polls.
        async with self._readers.connection() as connection:
            await connection.execute(f"NOTIFY {CHANNEL}")

    async def _number_all(self, _source: str) -> None:
        await self._finish(self._number_events())

    async def _number_events(self) -> None:
        with translate_errors(self.source):
            while await self._number_next_batch():
                pass

    async def _number_next_batch(self) -> bool:
        async with self._writers.connection(_BEGIN_NUMBER) as connection:
            transaction = PostgresTransaction(connection, now_ms())
            try:
                may_be_more: bool = await greenlet_spawn(self._number_batch, transaction)
            except Exception:
                await _roll_back(connection)
                raise
            try:
                await self._commit(connection)
            except RolledBack as failure:
                raise failure.error from failure
            except CommitLost as failure:
                raise failure.problem_without_change() from failure
        return may_be_more

    def _with_events(self, transaction: PostgresTransaction, work: Callable[[PostgresTransaction], T]) -> T:
        result = work(transaction)
        self._append_events(transaction, transaction.events)
        return result

    async def _commit(self, connection: Connection) -> None:
        try:
            tag = await connection.execute("COMMIT")
        except Exception as error:
            if driver.is_rejection(error):
                raise RolledBack(error) from error
            connection.terminate()
            raise CommitLost(self.source, error) from error
        if tag != "COMMIT":
            raise RolledBack(RuntimeError(f"a unit of {self.source} succeeded after a statement that failed"))


async def _roll_back(connection: Connection) -> None:
    """End a transaction; a connection that cannot do so is closed, which ends it as well."""
    try:
        await connection.execute("ROLLBACK")
    except Exception:  # noqa: BLE001 - the error that led here is the one to report
        connection.terminate()
