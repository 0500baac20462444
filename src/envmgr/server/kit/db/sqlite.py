"""SQLite as a service's database: one thread writes, others read beside it.

Units of work that wait at the same moment are committed as one group: one sync of the disk for all of them. When
one of a group fails after it changed something, the group is rolled back and each of its units runs again by
itself; that is why a unit may be run twice. Measured against a transaction each, groups write half as much again;
against a hop to a thread for every statement, six times as much.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.sql import UniqueViolation
from envmgr.server.kit.db.sqlite_errors import TRANSIENT, code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.sql import Reader, Row, Statement, Transaction

T = TypeVar("T")
MAX_GROUP_COMMIT = 64
READER_THREADS = 2
_encode = msgspec.json.Encoder().encode
_UNIQUE = "UNIQUE constraint failed: "
_NUL = "\\u0000"
"""As it is in JSON; JSON within JSON holds it, too."""
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA temp_store = MEMORY",
)


def connect(path: str, *, reading: bool = False) -> sqlite3.Connection:
    """Open a database file as every connection here has it."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    if reading:
        connection.execute("PRAGMA query_only = ON")
    return connection


class SqliteReader:
    """Reads through one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None."""
        text, fixed = statement.sqlite
        row: Row | None = self._connection.execute(text, {**fixed, **values}).fetchone()
        return row

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return every row."""
        text, fixed = statement.sqlite
        return self._connection.execute(text, {**fixed, **values}).fetchall()


class SqliteTransaction(SqliteReader):
    """One unit's part of a group: what it changes, and what it tells."""

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        super().__init__(connection)
        self.now = now
        self.events: list[DomainEvent] = []
        self._before = connection.total_changes

    @property
    def has_changes(self) -> bool:
        """Return whether rows or events have been written."""
        return bool(self.events) or self._connection.total_changes != self._before

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None; the statement may change rows and return them."""
        text, fixed = statement.sqlite
        try:
            # To the last row: a statement that changes rows is done only then.
            rows = self._connection.execute(text, {**fixed, **values}).fetchall()
            return rows[0] if rows else None
        except sqlite3.IntegrityError as error:
            raise _translated(error) from None

    def insert(self, statement: Statement, **values: object) -> int:
        """Insert a row; return the id that it is given. Raise UniqueViolation."""
        return self._execute(statement, values).lastrowid or 0

    def execute(self, statement: Statement, **values: object) -> int:
        """Change rows; return how many. Raise UniqueViolation."""
        return self._execute(statement, values).rowcount

    def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> int:
        """Change rows by a statement over `kit.sql.rows_of`; return how many. Raise UniqueViolation, ValueError."""
        text = _encode(rows).decode()
        if _NUL in text and any("\0" in value for row in rows for value in row if isinstance(value, str)):
            raise ValueError("SQLite would cut a text of these rows short at its NUL")
        return self.execute(statement, rows=text)

    def emit(self, event: DomainEvent) -> None:
        """Tell the world, once the transaction has happened."""
        self.events.append(event)

    def _execute(self, statement: Statement, values: Mapping[str, object]) -> sqlite3.Cursor:
        text, fixed = statement.sqlite
        try:
            return self._connection.execute(text, {**fixed, **values})
        except sqlite3.IntegrityError as error:
            raise _translated(error) from None


class _PendingWrite:
    """A unit of work that somebody waits for."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Callable[[Transaction], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, transaction: Transaction) -> None:
        """Do the work; keep what comes of it, or the error, for whoever waits. Raise what passes."""
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
            self.future.set_exception(self.error)


class SqliteDatabase:
    """A database file, open; `source` names the service in the events it tells.

    `on_commit` is called in the writer's thread after a group that told something.
    """

    def __init__(
        self, path: str, source: str, append_events: Callable[[Transaction, Sequence[DomainEvent]], None]
    ) -> None:
        self.path = path
        self.source = source
        self._append_events = append_events
        self.on_commit: Callable[[], None] = _noop
        self._queue: SimpleQueue[_PendingWrite | None] = SimpleQueue()
        self._write_connection = connect(path)
        self._inline_reader = SqliteReader(connect(path, reading=True))
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(READER_THREADS, f"read-{source}", self._open_reader)
        self._writer = threading.Thread(target=self._run, name=f"write-{source}", daemon=True)
        self._closed = False
        self._writer.start()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work whole; return when it is on disk."""
        if self._closed:
            raise ServiceUnavailable("the server is stopping")
        unit = _PendingWrite(work, asyncio.get_running_loop())
        self._queue.put(unit)
        result: T = await unit.future
        return result

    async def read(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function in another thread, over one snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._snapshot, work)

    async def read_inline(self, work: Callable[[Reader], T]) -> T:
        """Run a function that reads a few rows by their key: right here, as a hop to a thread costs more than that."""
        return work(self._inline_reader)

    def close(self) -> None:
        """Finish what waits, and close the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        self._pool.shutdown()
        for connection in (*self._readers, self._inline_reader._connection, self._write_connection):  # noqa: SLF001 - of this file
            connection.close()

    def _open_reader(self) -> None:
        self._local.connection = connect(self.path, reading=True)
        self._readers.append(self._local.connection)

    def _snapshot(self, work: Callable[[Reader], T]) -> T:
        connection: sqlite3.Connection = self._local.connection
        connection.execute("BEGIN")
        try:
            return work(SqliteReader(connection))
        finally:
            connection.execute("ROLLBACK")

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
        except sqlite3.Error as error:
            self._fail_group(group, error)
            return
        for unit in group:
            try:
                self._run_as_group([unit])
            except sqlite3.Error as error:
                self._fail_group([unit], error)

    def _run_as_group(self, group: list[_PendingWrite]) -> bool:
        """Run and commit a group; return False, with nothing changed, if its units must run one by one."""
        connection = self._write_connection
        connection.execute("BEGIN IMMEDIATE")
        now, happenings = now_ms(), []
        for unit in group:
            transaction = SqliteTransaction(connection, now)
            unit.run(transaction)
            if unit.error is not None and transaction.has_changes:
                return self._roll_back_group(group)
            happenings += transaction.events
        try:
            self._append_events(SqliteTransaction(connection, now), happenings)
        except Exception as error:
            if _is_transient(error):
                raise
            # Something told cannot be written: whose it is shows when the units run one by one.
            group[0].error = error
            return self._roll_back_group(group)
        connection.execute("COMMIT")
        if happenings:
            self.on_commit()
        return True

    def _roll_back_group(self, group: list[_PendingWrite]) -> bool:
        """Roll back; say whether that is all that there is to do: a unit that failed by itself is not run again."""
        self._roll_back()
        return len(group) == 1

    def _fail_group(self, group: list[_PendingWrite], error: sqlite3.Error) -> None:
        self._roll_back()
        for unit in group:
            unit.error = self._unavailable(error) if _is_transient(error) else error

    def _roll_back(self) -> None:
        # After some errors, SQLite has rolled back itself.
        if self._write_connection.in_transaction:
            self._write_connection.execute("ROLLBACK")

    def _unavailable(self, error: sqlite3.Error) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"the database of {self.source} cannot take this now: {error}", retry_after=5
        )


def _is_transient(error: Exception) -> bool:
    """Say whether an error is one that passes; any other is a bug."""
    return isinstance(error, sqlite3.OperationalError) and code_of(error) in TRANSIENT


def _resolve_futures(group: list[_PendingWrite]) -> None:
    """Wake who waits: all of a group with one call into their loop."""
    loop = group[0].loop

    def wake() -> None:
        for unit in group:
            unit.resolve_future()

    if not loop.is_closed():
        loop.call_soon_threadsafe(wake)


def _translated(error: sqlite3.IntegrityError) -> Exception:
    text = str(error)
    if text.startswith(_UNIQUE):
        return UniqueViolation(text.removeprefix(_UNIQUE).split(", "))
    return error


def _noop() -> None:
    """Tell nobody."""
