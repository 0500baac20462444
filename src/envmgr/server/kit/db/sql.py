"""SQL, written as SQLAlchemy Core expressions and compiled once.

A unit of work is a plain function over a `Transaction` (or, where it only reads, a `Reader`). It may be run twice
(see `kit.sqlite`), so it does nothing but ask and tell the database. Columns are integers and texts: moments are
milliseconds, structures are JSON.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import bindparam, func, select, true
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from sqlalchemy import Select
    from sqlalchemy.sql.expression import ClauseElement

    from envmgr.server.kit.common.events import DomainEvent

T = TypeVar("T")
Row = tuple[Any, ...]
_SQLITE = sqlite.dialect(paramstyle="named")


class UniqueViolation(Exception):
    """A row with these columns is there already; `columns` are named `table.column`."""

    def __init__(self, columns: Iterable[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = frozenset(columns)


class Statement:
    """An expression, and its text once it was asked for.

    Parameters are those of its `bindparam`s; values that stand in the expression itself come along.
    """

    def __init__(self, expression: ClauseElement) -> None:
        self.expression = expression

    @cached_property
    def sqlite(self) -> tuple[str, dict[str, Any]]:
        """Return the text for SQLite and the values that stand in it."""
        compiled = self.expression.compile(dialect=_SQLITE)
        return str(compiled), {name: value for name, value in compiled.params.items() if value is not None}


def json_rows(*columns: str) -> Select[Any]:
    """Make of the parameter `rows`, a JSON array of arrays, rows with these columns; `Transaction.many` fills it.

    Values are texts without NUL, integers of 64 bits, booleans (as 0 and 1) and None: what JSON carries unchanged.
    Every statement, and every row that one gives or is given, lets another thread run first: a statement that takes
    all rows at once has one such turn, not one for each.
    """
    each = func.json_each(bindparam("rows")).table_valued("value")
    values = [func.json_extract(each.c.value, f"$[{n}]").label(name) for n, name in enumerate(columns)]
    # An upsert from a select needs a WHERE, lest its ON is read as that of a join.
    return select(*values).where(true())


class Reader(Protocol):
    """A consistent view of the database."""

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row, or None."""
        ...

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return every row."""
        ...


class Transaction(Reader, Protocol):
    """A change of the database: all of it happens, or none."""

    now: int
    """When the transaction began, in milliseconds."""

    def insert(self, statement: Statement, **values: object) -> int:
        """Insert a row; return the id that it is given. Raise UniqueViolation."""
        ...

    def execute(self, statement: Statement, **values: object) -> int:
        """Change rows; return how many. Raise UniqueViolation."""
        ...

    def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> int:
        """Change rows by a statement over `rows_of`; return how many. Raise UniqueViolation, or ValueError."""
        ...

    def emit(self, event: DomainEvent) -> None:
        """Tell the world, once the transaction has happened."""
        ...


class Database(Protocol):
    """A service's own database."""

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work whole; return when it is on disk."""
        ...

    async def read(self, work: Callable[[Reader], T]) -> T:
        """Run a reading function beside everything else."""
        ...

    def read_inline(self, work: Callable[[Reader], T]) -> Awaitable[T]:
        """Run a function that reads a few rows by their key."""
        ...
