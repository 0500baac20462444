"""Portable SQL constructs: upserts, many rows in one parameter, rows as one JSON text.

Many rows travel as one parameter, a JSON array: after each statement and each returned row, another thread may run
first, which costs more than the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Column, Select, bindparam, select, true
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Text, TypeEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import BindParameter, ColumnElement, Table
    from sqlalchemy.sql.base import ReadOnlyColumnCollection
    from sqlalchemy.sql.compiler import SQLCompiler

    Update = Callable[[ReadOnlyColumnCollection[str, Column[Any]]], Mapping[str, object]]

ROWS = "rows"
"""The parameter that carries the rows of `rows_of`."""
_NUL = "\\u0000"
"""NUL in JSON notation, also within nested JSON."""
_encode = msgspec.json.Encoder().encode
_CAST_TYPES = {bool: "BOOLEAN", int: "BIGINT", str: "TEXT"}


class Upsert(Insert):
    """An INSERT that updates or skips rows with an existing key."""

    inherit_cache = False

    def __init__(
        self,
        table: Table,
        source: Mapping[str, object] | Rows,
        key: Sequence[str],
        update: Mapping[str, object],
        where: ColumnElement[bool] | None,
    ) -> None:
        super().__init__(table)
        self._target = table
        self._source = source
        self._key = key
        self._update = update
        self._where = where

    def native(self, insert: Callable[[Table], Any]) -> Any:
        """Return the same statement as a dialect's own insert."""
        statement = insert(self._target)
        if isinstance(self._source, Rows):
            statement = statement.from_select(self._source.columns, self._source.query)
        else:
            statement = statement.values(dict(self._source))
        if self._update:
            statement = statement.on_conflict_do_update(
                index_elements=self._key, set_=dict(self._update), where=self._where
            )
        else:
            statement = statement.on_conflict_do_nothing(index_elements=self._key)
        return statement.returning(*self._returning) if self._returning else statement


class Rows:
    """Rows for some columns of a table, from one parameter or from a query."""

    def __init__(self, columns: Sequence[str], query: Select[Any]) -> None:
        self.columns = columns
        self.query = query


def rows_of(table: Table, *names: str) -> Rows:
    """Return rows for these columns from the JSON parameter of `Transaction.execute_many`.

    Values are texts without NUL, integers of 64 bits, booleans and None. Rows of an upsert have distinct keys.
    """
    elements = _JsonArray(bindparam(ROWS, type_=Text())).table_valued("value")
    values = [
        _JsonItem(elements.c.value, position, table.c[name].type).label(name)
        for position, name in enumerate(names)
    ]
    # SQLite reads the ON of an upsert as that of a join, unless a WHERE precedes it.
    return Rows(names, select(*values).where(true()))


def encode_rows(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as the parameter of `rows_of`; raise ValueError for a text with NUL."""
    text = _encode(rows).decode()
    if _NUL in text and any("\0" in value for row in rows for value in row if isinstance(value, str)):
        raise ValueError("text contains NUL")
    return text


def values_of(parameter: str, column: Column[Any]) -> Select[Any]:
    """Return a query of values for a column, from a parameter: a JSON array of texts or of integers."""
    elements = _JsonArray(bindparam(parameter, type_=Text())).table_valued("value")
    return select(_JsonScalar(elements.c.value, column.type))


def json_rows_of(*columns: ColumnElement[Any]) -> ColumnElement[str]:
    """Return an aggregate: all rows of a query as one text, a JSON array of arrays in no particular order."""
    return _JsonRows(*columns)


def json_text(column: ColumnElement[str]) -> ColumnElement[Any]:
    """Return a column of JSON texts as what `json_rows_of` embeds, instead of quoting it as a text."""
    return _JsonText(column)


def insert_rows(table: Table, rows: Rows) -> Insert:
    """Return a statement that inserts rows."""
    return Insert(table).from_select(list(rows.columns), rows.query)


def upsert(
    table: Table,
    source: Mapping[str, object] | Rows,
    *,
    key: Sequence[str],
    update: Update,
    where: Callable[[ReadOnlyColumnCollection[str, Column[Any]]], ColumnElement[bool]] | None = None,
) -> Upsert:
    """Return a statement that inserts rows or updates those with an existing key.

    `update` and `where` receive the columns of the new row; if `where` is false, the row is unchanged.
    """
    excluded = table.alias("excluded").c
    return Upsert(table, source, key, update(excluded), None if where is None else where(excluded))


def insert_if_absent(table: Table, source: Mapping[str, object] | Rows, *, key: Sequence[str]) -> Upsert:
    """Return a statement that inserts rows and skips those with an existing key."""
    return Upsert(table, source, key, {}, None)


def bind_columns(*names: str) -> dict[str, BindParameter[Any]]:
    """Return a parameter of the same name for each column."""
    return {name: bindparam(name) for name in names}


class _JsonArray(FunctionElement[Any]):
    """The elements of a JSON array, as rows."""

    inherit_cache = True
    name = "json_array_elements"


class _JsonItem(FunctionElement[Any]):
    """One item of a JSON array, as an SQL value."""

    inherit_cache = False
    name = "json_item"

    def __init__(self, array: ColumnElement[Any], position: int, type_: TypeEngine[Any]) -> None:
        super().__init__(array)
        self.position = position
        self.type = type_


class _JsonScalar(FunctionElement[Any]):
    """A JSON text or integer, as an SQL value."""

    inherit_cache = False
    name = "json_scalar"

    def __init__(self, value: ColumnElement[Any], type_: TypeEngine[Any]) -> None:
        super().__init__(value)
        self.type = type_


class _JsonRows(FunctionElement[str]):
    inherit_cache = True
    name = "json_rows"
    type = Text()


class _JsonText(FunctionElement[Any]):
    inherit_cache = True
    name = "json_text"


@compiles(Upsert, "sqlite")
def _upsert_on_sqlite(element: Upsert, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.native(sqlite.insert), **kw)


@compiles(Upsert, "postgresql")
def _upsert_on_postgresql(element: Upsert, compiler: SQLCompiler, **kw: Any) -> str:
    from sqlalchemy.dialects import postgresql

    return compiler.process(element.native(postgresql.insert), **kw)


@compiles(_JsonArray, "sqlite")
def _array_on_sqlite(element: _JsonArray, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_JsonArray, "postgresql")
def _array_on_postgresql(element: _JsonArray, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS JSONB))"


@compiles(_JsonItem, "sqlite")
def _item_on_sqlite(element: _JsonItem, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$[{element.position}]')"


@compiles(_JsonItem, "postgresql")
def _item_on_postgresql(element: _JsonItem, compiler: SQLCompiler, **kw: Any) -> str:
    item = f"({compiler.process(element.clauses, **kw)} ->> {element.position})"
    return f"CAST({item} AS {_CAST_TYPES[element.type.python_type]})"


@compiles(_JsonScalar, "sqlite")
def _scalar_on_sqlite(element: _JsonScalar, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(_JsonScalar, "postgresql")
def _scalar_on_postgresql(element: _JsonScalar, compiler: SQLCompiler, **kw: Any) -> str:
    # The path of no steps turns a JSON text into an SQL text, without its quotes.
    scalar = f"({compiler.process(element.clauses, **kw)} #>> '{{}}')"
    return f"CAST({scalar} AS {_CAST_TYPES[element.type.python_type]})"


@compiles(_JsonRows, "sqlite")
def _rows_on_sqlite(element: _JsonRows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **kw)}))"


@compiles(_JsonRows, "postgresql")
def _rows_on_postgresql(element: _JsonRows, compiler: SQLCompiler, **kw: Any) -> str:
    rows = f"json_agg(json_build_array({compiler.process(element.clauses, **kw)}))"
    return f"CAST(coalesce({rows}, '[]') AS TEXT)"


@compiles(_JsonText, "sqlite")
def _text_on_sqlite(element: _JsonText, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json({compiler.process(element.clauses, **kw)})"


@compiles(_JsonText, "postgresql")
def _text_on_postgresql(element: _JsonText, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS JSON)"
