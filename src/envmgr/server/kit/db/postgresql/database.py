"""Database runner for PostgreSQL: SERIALIZABLE transactions on the event loop.

A unit is a synchronous function in a greenlet; its statements suspend its greenlet while the event loop waits for
their results. Measured with two clients' drivers on the same transaction of three statements, processor time per
unit: 0.56 ms so, 0.75 ms in a thread per transaction, 1.38 ms through SQLAlchemy's asynchronous engine.

Conflicting units run again: a few times beside others, then alone in this process, so that each completes. A unit
that has started is finished even if its caller is cancelled: its connection is never left in a transaction.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.dialects.postgresql import asyncpg as dialects
from sqlalchemy.util.concurrency import await_, greenlet_spawn, in_greenlet

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.commit_listeners import CommitListeners
from envmgr.server.kit.db.constructs import ROWS, encode_rows
from envmgr.server.kit.db.postgresql import driver
from envmgr.server.kit.db.postgresql.failures import RETRY_AFTER_SECONDS, translate_errors
from envmgr.server.kit.db.postgresql.leadership import CHANNEL, RELAY_IDLE_SECONDS, PostgresLeadership
from envmgr.server.kit.db.postgresql.pool import ConnectionPool
from envmgr.server.kit.db.sql import UniqueViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy import Dialect

    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.postgresql.driver import Connection
    from envmgr.server.kit.db.sql import Reader, Row, Statement, Transaction

T = TypeVar("T")
DIALECT: Dialect = dialects.dialect()  # type: ignore[no-untyped-call] # untyped in the library
CONCURRENT_ATTEMPTS = 3
"""Attempts of a unit beside others, before it runs alone in this process."""
MAX_ATTEMPTS = 12
"""Attempts in all: once it runs alone, a unit conflicts with those of other processes only."""
MAX_RETRY_DELAY_SECONDS = 0.01
NOTIFY_INTERVAL_SECONDS = 0.01
MAX_WRITERS, MAX_READERS = 6, 4
"""Connections of one service in one process; a server accepts 100 by default."""
_BEGIN_WRITE = "BEGIN ISOLATION LEVEL SERIALIZABLE"
_BEGIN_NUMBER = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Each statement sees what was committed before it."""
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
"""Of one snapshot; readers that only read need not conflict with writers."""


class PostgresReader:
    """A reader over one connection; its methods are called in a greenlet."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None."""
        if _is_unmatchable(statement, values):
            return None
        row = await_(self.connection.fetchrow(*_call(statement, values)))
        return None if row is None else tuple(row)

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return every row."""
        if _is_unmatchable(statement, values):
            return []
        return [tuple(row) for row in await_(self.connection.fetch(*_call(statement, values)))]


class PostgresTransaction(PostgresReader):
    """The transaction of one run of a unit."""

    def __init__(self, connection: Connection, now: int) -> None:
        super().__init__(connection)
        self.now = now
        self.events: list[DomainEvent] = []
        self.has_violation = False
        self._shared: dict[object, Any] = {}

    def share(self, create: Callable[[], T]) -> T:
        """Return the value of `create`, called once: every unit is committed by itself."""
        if create not in self._shared:
            self._shared[create] = create()
        value: T = self._shared[create]
        return value

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None; the statement may also change rows and return them."""
        try:
            return super().one(statement, **values)
        except Exception as error:
            self._raise_violation(error)
            raise

    def insert(self, statement: Statement, **values: object) -> int:
        """Insert a row and return its ID; raise UniqueViolation."""
        row = self.one(statement, **values)
        return int(row[0]) if row else 0

    def execute(self, statement: Statement, **values: object) -> int:
        """Change rows and return how many; raise UniqueViolation."""
        if _is_unmatchable(statement, values):
            return 0
        try:
            tag = await_(self.connection.execute(*_call(statement, values)))
        except Exception as error:
            self._raise_violation(error)
            raise
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> int:
        """Run a statement over `rows_of` and return how many rows changed; raise UniqueViolation, ValueError."""
        return self.execute(statement, **{ROWS: encode_rows(rows)})

    def emit(self, event: DomainEvent) -> None:
        """Record an event in the same transaction."""
        self.events.append(event)

    def _raise_violation(self, error: Exception) -> None:
        if driver.code_of(error) == driver.UNIQUE_VIOLATION:
            self.has_violation = True
            raise UniqueViolation from None


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
        # Units read in other databases, and in their own: connections are not awaited of a pool that is in use for it.
        self._writers = ConnectionPool(url, f"envmgr-alm {source}", MAX_WRITERS)
        self._readers = ConnectionPool(url, f"envmgr-alm {source}", MAX_READERS)
        self._leadership = PostgresLeadership(
            url, source, self._listeners.call, idle_seconds=RELAY_IDLE_SECONDS
        )
        self._notification: asyncio.TimerHandle | None = None
        self._units: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work and return once it is durable; raise ServiceUnavailable."""
        return await self._finish(self._write(work))

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

    async def number_events(self) -> None:
        """Assign numbers to the committed events; raise ServiceUnavailable."""
        await self._finish(self._number_events())

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
        if self._closed:
            unit.close()
            raise ServiceUnavailable("shutting down")
        self._loop = asyncio.get_running_loop()
        task = self._loop.create_task(unit)
        self._units.add(task)
        task.add_done_callback(self._discard)
        return await asyncio.shield(task)

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

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        may_be_conflict = True
        with translate_errors(self.source):
            for attempt in range(MAX_ATTEMPTS):
                try:
                    async with self._lend_writer(attempt) as connection:
                        return await self._run_unit(connection, work)
                except _Violation as violation:
                    # A row of a concurrent unit, which this one could not see: the next run can.
                    if not may_be_conflict:
                        raise violation.error from violation.error.__cause__
                    may_be_conflict = False
                except _Conflict:
                    await asyncio.sleep(random.uniform(0, MAX_RETRY_DELAY_SECONDS))  # noqa: S311 - jitter, no secret
        raise ServiceUnavailable(
            f"database of {self.source} is busy: a change was in conflict {MAX_ATTEMPTS} times",
            retry_after=RETRY_AFTER_SECONDS,
        )

    def _lend_writer(self, attempt: int) -> AbstractAsyncContextManager[Connection]:
        is_alone = attempt >= CONCURRENT_ATTEMPTS
        return (self._writers.only_connection if is_alone else self._writers.connection)(_BEGIN_WRITE)

    async def _run_unit(self, connection: Connection, work: Callable[[Transaction], T]) -> T:
        transaction = PostgresTransaction(connection, now_ms())
        try:
            result: T = await greenlet_spawn(self._with_events, transaction, work)
        except Exception as error:
            await _roll_back(connection)
            if driver.is_conflict(error):
                raise _Conflict from error
            if transaction.has_violation:
                raise _Violation(error) from error
            raise
        await self._commit(connection)
        if transaction.events:
            self._listeners.call()
            self._notify_leader()
        return result

    def _notify_leader(self) -> None:
        """Notify the leader if it is another process: at an interval, as each notification locks the server."""
        if self._leadership.is_leader or self._notification or self._closed or self._loop is None:
            return
        self._notification = self._loop.call_later(NOTIFY_INTERVAL_SECONDS, self._begin_notification)

    def _begin_notification(self) -> None:
        self._notification = None
        task = asyncio.ensure_future(self._send_notification())
        self._units.add(task)
        task.add_done_callback(self._discard)

    async def _send_notification(self) -> None:
        # A notification that is lost is made up for: the leader also polls.
        async with self._readers.connection() as connection:
            await connection.execute(f"NOTIFY {CHANNEL}")

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
            await self._commit(connection)
        return may_be_more

    def _with_events(self, transaction: PostgresTransaction, work: Callable[[Transaction], T]) -> T:
        result = work(transaction)
        self._append_events(transaction, transaction.events)
        return result

    async def _commit(self, connection: Connection) -> None:
        try:
            tag = await connection.execute("COMMIT")
        except Exception as error:
            if driver.is_conflict(error):
                raise _Conflict from error
            raise
        if tag != "COMMIT":
            raise RuntimeError(f"a unit of {self.source} succeeded after a statement that failed")


class _Conflict(Exception):
    """The unit was rolled back, as it was in conflict with another."""


class _Violation(Exception):
    """The unit was rolled back after a violation, which it answered with an error of its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _call(statement: Statement, values: Mapping[str, object]) -> tuple[Any, ...]:
    """Return the text of a statement, and its arguments in their order."""
    text, constants, order = statement.compile(DIALECT)
    return text, *(values[name] if name in values else constants[name] for name in order)


def _is_unmatchable(statement: Statement, values: Mapping[str, object]) -> bool:
    """Return whether a query compares with a text that cannot be stored; raise ValueError for a change.

    PostgreSQL refuses a text with NUL, and ends the transaction.
    """
    if not any(isinstance(value, str) and "\0" in value for value in values.values()):
        return False
    if not statement.is_query:
        raise ValueError("text contains NUL")
    return True


async def _roll_back(connection: Connection) -> None:
    """End a transaction; a connection that cannot do so is closed, which ends it as well."""
    try:
        await connection.execute("ROLLBACK")
    except Exception:  # noqa: BLE001 - the error that led here is the one to report
        connection.terminate()
