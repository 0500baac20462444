"""Database runner for SQLite: one writer thread, concurrent readers.

Pending units of work are committed as one group: one sync of the disk for all of them. When a unit of a group fails
after it changed something, the group is rolled back and its units run again one by one. Measured against a transaction
each, groups write half as much again; against a hop to a thread for every statement, six times as much.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.dialects import sqlite

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.common.threads import run_in_thread
from envmgr.server.kit.db.commit_listeners import CommitListeners
from envmgr.server.kit.db.constructs import ROWS, encode_rows
from envmgr.server.kit.db.sql import DamagedDatabase, UniqueViolation, future_error
from envmgr.server.kit.db.sqlite_errors import CORRUPT, TRANSIENT, UNIQUE, code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence

    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.sql import Reader, Row, Statement, Transaction

T = TypeVar("T")
MAX_GROUP_COMMIT = 64
READER_THREADS = 2
RETRY_AFTER_SECONDS = 5
DIALECT = sqlite.dialect(paramstyle="named")
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA temp_store = MEMORY",
)


def connect(path: str, *, reading: bool = False) -> sqlite3.Connection:
    """Open a connection with the settings that all connections share."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    try:
        # The first one opens the file.
        for pragma in (*_PRAGMAS, *(["PRAGMA query_only = ON"] if reading else [])):
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class SqliteReader:
    """A reader over one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None."""
        text, constants, _ = statement.compile(DIALECT)
        row: Row | None = self.connection.execute(text, {**constants, **values}).fetchone()
        return row

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return every row."""
        text, constants, _ = statement.compile(DIALECT)
        return self.connection.execute(text, {**constants, **values}).fetchall()


class SqliteTransaction(SqliteReader):
    """One unit's part of a group: its changes and its events."""

    def __init__(
        self, connection: sqlite3.Connection, now: int, shared: MutableMapping[object, Any] | None = None
    ) -> None:
        super().__init__(connection)
        self.now = now
        self._shared = {} if shared is None else shared
        self.events: list[DomainEvent] = []
        self.has_jobs = False
        """Whether the unit has enqueued jobs."""
        self._before = connection.total_changes

    def share(self, create: Callable[[], T]) -> T:
        """Return the value of `create`, called once for all units of the group."""
        if create not in self._shared:
            self._shared[create] = create()
        value: T = self._shared[create]
        return value

    @property
    def has_changes(self) -> bool:
        """Return whether rows or events have been written."""
        return bool(self.events) or self.connection.total_changes != self._before

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None; the statement may also change rows and return them."""
        text, constants, _ = statement.compile(DIALECT)
        try:
            # A statement that changes rows is complete only after its last row.
            rows = self.connection.execute(text, {**constants, **values}).fetchall()
            return rows[0] if rows else None
        except sqlite3.IntegrityError as error:
            raise _translate_constraint(error) from None

    def insert(self, statement: Statement, **values: object) -> int:
        """Insert a row and return its ID; raise UniqueViolation."""
        return self._execute(statement, values).lastrowid or 0

    def execute(self, statement: Statement, **values: object) -> int:
        """Change rows and return how many; raise UniqueViolation."""
        return self._execute(statement, values).rowcount

    def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> int:
        """Run a statement over `rows_of` and return how many rows changed; raise UniqueViolation, ValueError."""
        return self.execute(statement, **{ROWS: encode_rows(rows)})

    def emit(self, event: DomainEvent) -> None:
        """Record an event in the same transaction."""
        self.events.append(event)

    def wake_jobs(self) -> None:
        """Call the listeners of jobs after the commit."""
        self.has_jobs = True

    def _execute(self, statement: Statement, values: Mapping[str, object]) -> sqlite3.Cursor:
        text, constants, _ = statement.compile(DIALECT)
        try:
            return self.connection.execute(text, {**constants, **values})
        except sqlite3.IntegrityError as error:
            raise _translate_constraint(error) from None


class _PendingWrite:
    """A unit of work and the future of its result."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Callable[[Transaction], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, transaction: Transaction) -> None:
        """Run the unit and store its result or error; raise transient errors."""
        self.result = self.error = None
        try:
            self.result = self.work(transaction)
        except Exception as error:
            if _is_transient(error):
                raise
            self.error = error

    def resolve_future(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(future_error(self.error))


class OnlyLeader:
    """Leadership where there is only one process (implements `sql.Leadership`)."""

    async def try_acquire(self) -> bool:
        """Return True."""
        return True

    async def release(self) -> None:
        """Do nothing: this process is the only one."""


class SqliteDatabase:
    """An open database file; `source` names the service in errors and threads."""

    def __init__(
        self, path: str, source: str, append_events: Callable[[Transaction, Sequence[DomainEvent]], None]
    ) -> None:
        self.path = path
        self.source = source
        self._append_events = append_events
        self._listeners = CommitListeners()
        self._job_listeners = CommitListeners()
        self._queue: SimpleQueue[_PendingWrite | None] = SimpleQueue()
        self._write_connection = connect(path)
        self._inline_reader = SqliteReader(connect(path, reading=True))
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(READER_THREADS, f"read-{source}")
        self._writer = threading.Thread(target=self._run, name=f"write-{source}", daemon=True)
        self._closed = False
        self._writer.start()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work and return once it is durable; raise ServiceUnavailable."""
        self._require_open()
        unit = _PendingWrite(work, asyncio.get_running_loop())
        self._queue.put(unit)
        result: T = await unit.future
        return result

    async def read(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function in another thread, over one snapshot; raise ServiceUnavailable."""
        self._require_open()
        return await run_in_thread(self._pool, lambda: self._read_snapshot(work))

    async def read_inline(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function in this thread: a hop to another costs more; raise ServiceUnavailable."""
        self._require_open()
        try:
            return work(self._inline_reader)
        except sqlite3.Error as error:
            raise self._read_failure(error) from error

    def read_blocking(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function in this thread, over one snapshot; raise ServiceUnavailable."""
        self._require_open()
        return self._read_snapshot(work)

    def commit_version(self) -> int | None:
        """Return SQLite's own count of other connections' commits, as this thread's connection sees it."""
        self._require_open()
        try:
            (version,) = self._reader_connection().execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise self._read_failure(error) from error
        return int(version)

    def on_events(self, listener: Callable[[], None]) -> None:
        """Call a listener in the writer thread after each commit that recorded events."""
        self._listeners.add(listener)

    def on_jobs(self, listener: Callable[[], None]) -> None:
        """Call a listener in the writer thread after each commit that enqueued jobs."""
        self._job_listeners.add(listener)

    async def number_events(self) -> None:
        """Do nothing: events are numbered in their transaction, as there is one writer."""

    def leadership(self) -> OnlyLeader:
        """Return the role that this process has, as it has locked the data directory."""
        return OnlyLeader()

    async def close(self) -> None:
        """Finish pending units and close the file."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.join()
        self._pool.shutdown()
        for connection in (*self._readers, self._inline_reader.connection, self._write_connection):
            connection.close()

    def _require_open(self) -> None:
        if self._closed:
            raise ServiceUnavailable("shutting down")

    def _read_snapshot(self, work: Callable[[Reader], T]) -> T:
        try:
            connection = self._reader_connection()
            connection.execute("BEGIN")
            try:
                return work(SqliteReader(connection))
            finally:
                # After some errors, SQLite has rolled back itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise self._read_failure(error) from error

    def _reader_connection(self) -> sqlite3.Connection:
        """Return this thread's connection, opened lazily: a failed pool initializer cannot be retried."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self.path, reading=True)
            self._readers.append(connection)
        return connection

    def _run(self) -> None:
        while (group := self._wait()) is not None:
            self._write_group(group)
            _resolve_futures(group)

    def _wait(self) -> list[_PendingWrite] | None:
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP_COMMIT and not self._queue.empty():
            unit = self._queue.get()
            if unit is None:
                self._queue.put(None)
                break
            group.append(unit)
        return group

    def _write_group(self, group: list[_PendingWrite]) -> None:
        try:
            if self._run_as_group(group):
                return
        except Exception as error:  # noqa: BLE001 - the thread must outlive any error: later units would wait forever
            self._fail_group(group, error)
            return
        for unit in group:
            try:
                self._run_as_group([unit])
            except Exception as error:  # noqa: BLE001 - as above
                self._fail_group([unit], error)

    def _run_as_group(self, group: list[_PendingWrite]) -> bool:
        """Run and commit a group; return False, with nothing changed, if its units must run one by one."""
        connection = self._write_connection
        self._roll_back()
        connection.execute("BEGIN IMMEDIATE")
        now, events, has_jobs = now_ms(), [], False
        shared: dict[object, Any] = {}
        for unit in group:
            transaction = SqliteTransaction(connection, now, shared)
            unit.run(transaction)
            if isinstance(unit.error, sqlite3.Error):
                unit.error = self._failure(unit.error)
            if unit.error is not None and transaction.has_changes:
                return self._roll_back_group(group)
            events += transaction.events
            has_jobs |= transaction.has_jobs
        try:
            self._append_events(SqliteTransaction(connection, now), events)
        except Exception as error:
            if _is_transient(error):
                raise
            # An event cannot be written; the units run one by one to find the one that emitted it.
            group[0].error = self._failure(error) if isinstance(error, sqlite3.Error) else error
            return self._roll_back_group(group)
        connection.execute("COMMIT")
        self._call_listeners(has_events=bool(events), has_jobs=has_jobs)
        return True

    def _call_listeners(self, *, has_events: bool, has_jobs: bool) -> None:
        if has_events:
            self._listeners.call()
        if has_jobs:
            self._job_listeners.call()

    def _roll_back_group(self, group: list[_PendingWrite]) -> bool:
        """Roll back; return whether the group is done: a unit that failed alone does not run again."""
        self._roll_back()
        return len(group) == 1

    def _fail_group(self, group: list[_PendingWrite], error: Exception) -> None:
        self._roll_back()
        for unit in group:
            unit.error = self._failure(error) if isinstance(error, sqlite3.Error) else error

    def _roll_back(self) -> None:
        """End the transaction in progress; if that fails, the next group tries it again."""
        # After some errors, SQLite has rolled back itself.
        if self._write_connection.in_transaction:
            with suppress(sqlite3.Error):
                self._write_connection.execute("ROLLBACK")

    def _failure(self, error: sqlite3.Error) -> Exception:
        """Return the exception for an error of SQLite; bugs are unchanged."""
        if _is_transient(error):
            return ServiceUnavailable(
                f"database of {self.source} is temporarily unavailable: {error}",
                retry_after=RETRY_AFTER_SECONDS,
            )
        if code_of(error) in CORRUPT:
            return DamagedDatabase(self.path, str(error))
        return error

    def _read_failure(self, error: sqlite3.Error) -> Exception:
        # A reader that writes is a bug; its error has this code and no extension.
        is_bug = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY
        return error if is_bug else self._failure(error)


def _is_transient(error: Exception) -> bool:
    """Return whether an error may be gone on the next try."""
    return isinstance(error, sqlite3.OperationalError) and code_of(error) in TRANSIENT


def _resolve_futures(group: list[_PendingWrite]) -> None:
    """Resolve all futures of a group with one call into their loop."""
    loop = group[0].loop

    def wake() -> None:
        for unit in group:
            unit.resolve_future()

    if not loop.is_closed():
        loop.call_soon_threadsafe(wake)


def _translate_constraint(error: sqlite3.IntegrityError) -> Exception:
    return UniqueViolation() if error.sqlite_errorcode in UNIQUE else error
