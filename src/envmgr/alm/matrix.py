"""The matrix as one looks at it: a row an app, a column an environment, and what differs along a row. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import document, number, number_or_none, part, part_or_none, parts, text, word
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.alm.client.fields import Document


@frozen
class Attempt:
    """A version that is, or was tried, somewhere; `since` is when (RFC 3339)."""

    deployment_id: int
    version_id: int
    tag: str
    status: str
    actor: str
    since: str


@frozen
class Cell:
    """One app in one environment: what is current (for how many seconds), and what was tried after it.

    `is_behind`: another environment has a newer version of the app.
    """

    current: Attempt | None
    newer: Attempt | None
    age: int | None
    is_behind: bool = False


@frozen
class Row:
    """An app, and its cells by environment; `differs` where not every environment has the same version."""

    app: str
    cells: Mapping[str, Cell]
    differs: bool


@frozen
class Column:
    """An environment."""

    name: str
    tier: str


@frozen
class Grid:
    """Rows and columns, and the apps that never were in any of these environments."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    nowhere: tuple[str, ...]


def grid(answer: object) -> Grid:
    """Lay out what `GET /matrix` answers: environments by their order, apps by name; no place is left out."""
    matrix = document(answer)
    by_app: dict[int, dict[str, Document]] = {}
    names = {number(app, "id"): word(app, "name") for app in parts(matrix, "apps")}
    for place in parts(matrix, "places"):
        by_app.setdefault(number(place, "app_id"), {})[word(place, "environment")] = place
        names.setdefault(number(place, "app_id"), word(place, "app"))
    apps = sorted((name, id_) for id_, name in names.items())
    return Grid(
        columns=_columns(matrix, {name for places in by_app.values() for name in places}),
        rows=tuple(_row(name, by_app[id_]) for name, id_ in apps if id_ in by_app),
        nowhere=tuple(name for name, id_ in apps if id_ not in by_app),
    )


def _columns(matrix: Document, used: set[str]) -> tuple[Column, ...]:
    environments = sorted(
        (number(one, "sort_order"), word(one, "name"), word(one, "tier"))
        for one in parts(matrix, "environments")
    )
    listed = [Column(name, tier) for _, name, tier in environments]
    others = used - {column.name for column in listed}
    return (*listed, *(Column(name, "other") for name in sorted(others)))


def _row(app: str, places: Mapping[str, Document]) -> Row:
    current = {name: part_or_none(place, "current") for name, place in places.items()}
    ids = [number(one, "version_id") for one in current.values() if one is not None]
    newest = max(ids, default=0)
    return Row(app, {name: _cell(place, newest) for name, place in places.items()}, len({*ids}) > 1)


def _cell(place: Document, newest: int) -> Cell:
    standing, last = part_or_none(place, "current"), _attempt(part(place, "last"))
    current = None if standing is None else _attempt(standing)
    return Cell(
        current=current,
        newer=None if current is not None and current.deployment_id >= last.deployment_id else last,
        age=number_or_none(place, "age_seconds"),
        is_behind=current is not None and current.version_id < newest,
    )


def _attempt(cell: Document) -> Attempt:
    return Attempt(
        deployment_id=number(cell, "deployment_id"),
        version_id=number(cell, "version_id"),
        tag=word(cell, "tag"),
        status=word(cell, "status"),
        actor=text(cell, "actor"),
        since=text(cell, "updated_at"),
    )
