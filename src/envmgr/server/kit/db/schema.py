"""Column types and table options that mean the same on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy import Text as _Text

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement
    from sqlalchemy.sql.elements import TextClause

# All integers of SQLite have 64 bits, but only an INTEGER primary key is generated.
_INT64 = BigInteger().with_variant(Integer(), "sqlite")
Id = _INT64
"""An identifier, or the number of an event."""
Timestamp = _INT64
"""Milliseconds since the epoch."""
Text = _Text().with_variant(_Text(collation="C"), "postgresql")
"""A text that is compared and sorted by its bytes, as cursors and lists need it."""

IDS_NEVER_REUSED: Final[dict[str, Any]] = {"sqlite_autoincrement": True}
"""Table option: the ID of a deleted row is not assigned again."""
CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}
"""Table option: rows are stored by their primary key, where the database can."""

SHORT_LIVED_ROWS: Final[dict[str, Any]] = {
    "postgresql_with": {"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 1000}
}
"""Table option: deleted rows are removed early, since a query reads them all until then."""


def only_where(condition: TextClause | ColumnElement[bool]) -> dict[str, Any]:
    """Return the options of an index over the rows that fulfil a condition, on every database."""
    return {"sqlite_where": condition, "postgresql_where": condition}


def partial_index(
    name: str,
    *columns: str | Column[int] | Column[str],
    where: TextClause | ColumnElement[bool],
    unique: bool = False,
) -> Index:
    """Create an index over the rows that fulfil a condition."""
    return Index(name, *columns, unique=unique, **only_where(where))
