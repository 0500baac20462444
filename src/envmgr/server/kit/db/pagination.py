"""Keyset pagination: cursors, sorting and filters of lists."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from sqlalchemy import Text, and_, bindparam, or_

from envmgr.server.kit.common.pages import Page
from envmgr.server.kit.common.problems import InvalidFields
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Select

    from envmgr.server.kit.common.pages import PageRequest
    from envmgr.server.kit.db.sql import Reader, Row

T = TypeVar("T")
_Storable = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


Condition = Callable[["ColumnElement[str]"], "ColumnElement[bool]"]
"""A filter that is more than equality: takes the parameter, returns the condition."""


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sort: str
    value: str | _Storable
    key: _Storable


class PagedQuery:
    """A paginated list: sort columns, filter columns, and the column of the app's ID.

    `key` is the unique integer that breaks ties. Statements are compiled once for each shape of question.
    """

    def __init__(
        self,
        query: Select[tuple[object, ...]],
        *,
        key: ColumnElement[int],
        sorts: Mapping[str, ColumnElement[object]],
        filters: Mapping[str, ColumnElement[object]] | None = None,
        conditions: Mapping[str, Condition] | None = None,
        app: ColumnElement[int] | None = None,
        default: str = "-id",
    ) -> None:
        self._query = query
        self._key = key
        self._sorts = sorts
        self._filters = filters or {}
        self._conditions = conditions or {}
        self._app = app
        self._default = default
        self._statements: dict[tuple[object, ...], Statement] = {}

    def page(
        self,
        reader: Reader,
        paging: PageRequest,
        make: Callable[[Row], T],
        apps: frozenset[int] | None = None,
        values: Mapping[str, object] | None = None,
    ) -> Page[T]:
        """Return a page, optionally of some apps only; `values` are the query's own parameters.

        The last two columns of the rows are the sort value and the key, and are not passed to `make`.
        """
        sort = self._default if paging.sort is None else paging.sort
        column = self._column(sort)
        cursor = None if paging.cursor is None else _read(paging.cursor, sort, column)
        names, only = tuple(sorted(paging.filters)), tuple(sorted(apps or ()))
        shape = (sort, cursor is not None, names, None if apps is None else len(only))
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = self._statement(*shape)
        parameters = {**(values or {}), **{f"by_{name}": paging.filters[name] for name in names}}
        parameters |= {f"only_{n}": app for n, app in enumerate(only)}
        if cursor is not None:
            parameters |= {"after_value": cursor.value, "after_key": cursor.key}
        rows = reader.all(statement, limit=paging.limit + 1, **parameters)
        next_cursor = None
        if len(rows) > paging.limit:
            *_, value, key = rows[paging.limit - 1]
            next_cursor = _write(_Cursor(sort, value, key))
        return Page([make(row[:-2]) for row in rows[: paging.limit]], next_cursor)

    def _column(self, sort: str) -> ColumnElement[object]:
        column = self._sorts.get(sort.removeprefix("-"))
        if column is None:
            up, down = (", ".join(f"{sign}{name}" for name in sorted(self._sorts)) for sign in ("", "-"))
            raise InvalidFields(
                f"invalid sort {sort!r}", errors=[("?sort", f"expected one of {up}, or {down}")]
            )
        return column

    def _condition(self, name: str) -> ColumnElement[bool]:
        if name in self._conditions:
            return self._conditions[name](bindparam(f"by_{name}", type_=Text()))
        return self._filters[name] == bindparam(f"by_{name}")

    def _statement(self, sort: str, after: bool, names: Sequence[str], only: int | None) -> Statement:
        column = self._column(sort)
        down = sort.startswith("-")
        query = self._query.add_columns(column.label("sort_value"), self._key.label("sort_key"))
        for name in names:
            query = query.where(self._condition(name))
        if only is not None and self._app is not None:
            query = query.where(or_(False, *(self._app == bindparam(f"only_{n}") for n in range(only))))
        if after:
            value = bindparam("after_value", type_=column.type)
            key = bindparam("after_key", type_=self._key.type)
            beyond = column < value if down else column > value
            query = query.where(
                or_(beyond, and_(column == value, self._key < key if down else self._key > key))
            )
        order: list[ColumnElement[Any]] = (
            [column.desc(), self._key.desc()] if down else [column.asc(), self._key.asc()]
        )
        return Statement(query.order_by(*order).limit(bindparam("limit")))


def _write(cursor: _Cursor) -> str:
    return urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _read(text: str, sort: str, column: ColumnElement[object]) -> _Cursor:
    """Parse a cursor of a list sorted by this column; raise InvalidFields."""
    try:
        decoded = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        cursor = msgspec.json.decode(decoded, type=_Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise _invalid_cursor() from None
    if cursor.sort != sort:
        raise InvalidFields(
            f"cursor belongs to a different sort order ({cursor.sort}, not {sort})",
            errors=[("?cursor", "omit the cursor to start over")],
        )
    if type(cursor.value) is not column.type.python_type or (
        isinstance(cursor.value, str) and "\0" in cursor.value
    ):
        raise _invalid_cursor()
    return cursor


def _invalid_cursor() -> InvalidFields:
    return InvalidFields("invalid cursor", errors=[("?cursor", "use the cursor from a Link header")])
