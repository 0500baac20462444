"""Readers and transactions over one connection of PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.dialects.postgresql import asyncpg as dialects
from sqlalchemy.util.concurrency import await_

from envmgr.server.kit.db.constructs import ROWS, encode_rows
from envmgr.server.kit.db.postgresql import driver
from envmgr.server.kit.db.sql import UniqueViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Dialect

    from envmgr.server.kit.common.events import DomainEvent
    from envmgr.server.kit.db.postgresql.driver import Connection
    from envmgr.server.kit.db.sql import Row, Statement

T = TypeVar("T")
DIALECT: Dialect = dialects.dialect()  # type: ignore[no-untyped-call] # untyped in the library


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
    """The transaction of one run of a unit, or of a group of them."""

    def __init__(self, connection: Connection, now: int) -> None:
        super().__init__(connection)
        self.now = now
        self.events: list[DomainEvent] = []
        self.has_jobs = False
        """Whether a unit has enqueued jobs."""
        self.effects = 0
        """The number so far of statements that changed rows, may have, or failed, and of events."""
        self.has_violation = False
        self._shared: dict[object, Any] = {}

    def share(self, create: Callable[[], T]) -> T:
        """Return the value of `create`, called once for all units of the transaction."""
        if create not in self._shared:
            self._shared[create] = create()
        value: T = self._shared[create]
        return value

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None; the statement may also change rows and return them."""
        with self._counting(statement):
            return super().one(statement, **values)

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return every row; the statement may also change rows and return them."""
        with self._counting(statement):
            return super().all(statement, **values)

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
            self.effects += 1
            self._raise_violation(error)
            raise
        count = tag.rpartition(" ")[2]
        rows = int(count) if count.isdecimal() else 0
        self.effects += rows > 0
        return rows

    def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> int:
        """Run a statement over `rows_of` and return how many rows changed; raise UniqueViolation, ValueError."""
        return self.execute(statement, **{ROWS: encode_rows(rows)})

    def emit(self, event: DomainEvent) -> None:
        """Record an event in the same transaction."""
        self.events.append(event)
        self.effects += 1

    def wake_jobs(self) -> None:
        """Call the listeners of jobs after the commit."""
        self.has_jobs = True

    @contextmanager
    def _counting(self, statement: Statement) -> Iterator[None]:
        """Count a statement that may change rows while it runs; raise UniqueViolation."""
        self.effects += not statement.is_query
        try:
            yield
        except Exception as error:
            self._raise_violation(error)
            raise

    def _raise_violation(self, error: Exception) -> None:
        if driver.code_of(error) == driver.UNIQUE_VIOLATION:
            self.has_violation = True
            raise UniqueViolation from None


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
