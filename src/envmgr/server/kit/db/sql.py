"""SQL statements, and the contract between services and a database runner.

A unit of work is a plain synchronous function over a `Transaction`, or a `Reader` where it only reads. The contract:

- A unit may run again: its first run may be rolled back, for example after a conflict. All its effects are in its
  transaction, and it reads the state that it depends on inside the unit.
- Units behave as if they ran one after the other: the runner has a single writer, or serializable transactions, and
  runs those again that are in conflict.
- ServiceUnavailable means that nothing was written, unless it is `outcome_unknown`.
- After UniqueViolation, the transaction accepts no more statements on some databases, so the unit must raise it. To
  insert or find, use `constructs.insert_if_absent`.
- Statements name no dialect. Dialect-specific SQL is in `constructs` and `schema`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from envmgr.kit.errors import EnvmgrError
from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Dialect
    from sqlalchemy.sql.expression import ClauseElement

    from envmgr.server.kit.common.events import DomainEvent

T = TypeVar("T")
Row = tuple[Any, ...]
DAMAGE_RETRY_AFTER_SECONDS = 60
"""A restore takes at least this long."""
CompiledStatement = tuple[str, dict[str, Any], tuple[str, ...]]
"""The text, the values of the parameters that the expression itself contains, and the order of all parameters.

Parameters have an order where the dialect numbers them.
"""


class UniqueViolation(Exception):
    """A row with the same unique values exists."""


def future_error(error: BaseException) -> BaseException:
    """Return the error of a unit as a future accepts it: StopIteration would end the coroutine that waits."""
    return RuntimeError("a unit raised StopIteration") if isinstance(error, StopIteration) else error


class DamagedDatabase(EnvmgrError):
    """The content of the database is damaged."""

    def __init__(self, name: str, reason: str) -> None:
        hint = "stop the server and restore the whole data directory from a backup"
        super().__init__(f"database {name} is damaged: {reason}", hint)
        self.name = name
        self.reason = reason
        self.detail = f"database {os.path.basename(name)} is damaged; {hint}"
        """For health checks: without the path and the database's own words."""

    def problem(self) -> ServiceUnavailable:
        """Return the answer to a request, which names no file."""
        return ServiceUnavailable(
            "the database is damaged; the server's operator must stop it and restore its data from a backup",
            retry_after=DAMAGE_RETRY_AFTER_SECONDS,
        )


class Statement:
    """An expression, compiled once per dialect; its parameters are its `bindparam`s."""

    def __init__(self, expression: ClauseElement) -> None:
        self.expression = expression
        self.is_query = bool(getattr(expression, "is_select", False))
        """Whether it only reads."""
        self._compiled: dict[Dialect, CompiledStatement] = {}

    def compile(self, dialect: Dialect) -> CompiledStatement:
        """Return the text for a dialect, the expression's own values, and the order of the parameters."""
        compiled = self._compiled.get(dialect)
        if compiled is None:
            compiled = self._compiled[dialect] = self._compile(dialect)
        return compiled

    def _compile(self, dialect: Dialect) -> CompiledStatement:
        compiled = self.expression.compile(dialect=dialect)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        # What an expression compiles to by itself, and only SQL, has an order.
        order = getattr(compiled, "positiontup", None) or ()
        return str(compiled), constants, tuple(order)


class Reader(Protocol):
    """A consistent view of the database.

    A text with NUL equals no stored text.
    """

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None."""
        ...

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return every row."""
        ...


class Transaction(Reader, Protocol):
    """A unit of work's transaction: all of its changes are committed, or none."""

    now: int
    """When the transaction began, in milliseconds."""

    def share(self, create: Callable[[], T]) -> T:
        """Return the value of `create`, called once for all units that are committed together."""
        ...

    def insert(self, statement: Statement, **values: object) -> int:
        """Insert a row into a table that assigns IDs and return the row's ID; raise UniqueViolation."""
        ...

    def execute(self, statement: Statement, **values: object) -> int:
        """Change rows and return how many; raise UniqueViolation."""
        ...

    def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> int:
        """Run a statement over `constructs.rows_of`; return how many rows changed.

        Raise UniqueViolation, or ValueError for a text with NUL.
        """
        ...

    def emit(self, event: DomainEvent) -> None:
        """Record an event in the same transaction."""
        ...

    def wake_jobs(self) -> None:
        """Call the listeners of jobs after the commit."""
        ...


class Leadership(Protocol):
    """The role that one process at a time has for a database: it relays the events."""

    async def try_acquire(self) -> bool:
        """Return whether this process has the role, which is checked before each use.

        Raise ServiceUnavailable.
        """
        ...

    async def release(self) -> None:
        """Return the role, which a process that waits may get."""
        ...


class Database(Protocol):
    """A service's own database."""

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work, twice if need be, and return once it is durable; raise ServiceUnavailable.

        A unit need not begin once its caller is gone, or the deadline of its request has passed.
        """
        ...

    async def read(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function over one snapshot, concurrently with writes; raise ServiceUnavailable."""
        ...

    def read_inline(self, work: Callable[[Reader], T]) -> Awaitable[T]:
        """Run a function that reads a few rows by their keys; raise ServiceUnavailable."""
        ...

    def read_blocking(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function in this thread, which is not the event loop's; raise ServiceUnavailable."""
        ...

    def commit_version(self) -> int | None:
        """Return a number that changes with each commit of any process; blocks, as `read_blocking`.

        Only numbers of one thread can be compared. None, where asking costs as much as reading the rows.
        """
        ...

    def on_events(self, listener: Callable[[], None]) -> None:
        """Call a listener, from any thread, after each commit that recorded events.

        Commits of other processes call it soon, and only where this process is the leader.
        """
        ...

    def on_jobs(self, listener: Callable[[], None]) -> None:
        """Call a listener, from any thread, after each commit of this process that enqueued jobs."""
        ...

    async def number_events(self) -> None:
        """Return once all events committed before have a sequence number.

        Numbers have no gaps and follow the order of commits of each resource. Raise ServiceUnavailable.
        """
        ...

    def leadership(self) -> Leadership:
        """Return the role of the process that relays this database's events."""
        ...

    async def close(self) -> None:
        """Finish pending units and close; later calls raise ServiceUnavailable."""
        ...
