"""The matrix as one looks at it: a row an app, a column an environment, and what differs along a row. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import (
    get_int,
    get_int_or_none,
    get_name,
    get_object,
    get_object_or_none,
    get_objects,
    get_str,
    require_object,
)
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.alm.client.fields import Document


@frozen
class DeploymentRef:
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

    current: DeploymentRef | None
    latest_attempt: DeploymentRef | None
    age: int | None
    is_outdated: bool = False


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
    never_deployed: tuple[str, ...]


def grid(answer: object) -> Grid:
    """Lay out what `GET /matrix` answers: environments by their order, apps by name; no place is left out."""
    matrix = require_object(answer)
    by_app: dict[int, dict[str, Document]] = {}
    names = {get_int(app, "id"): get_name(app, "name") for app in get_objects(matrix, "apps")}
    for place in get_objects(matrix, "placements"):
        by_app.setdefault(get_int(place, "app_id"), {})[get_name(place, "environment")] = place
        names.setdefault(get_int(place, "app_id"), get_name(place, "app"))
    apps = sorted((name, id_) for id_, name in names.items())
    return Grid(
        columns=_columns(matrix, {name for places in by_app.values() for name in places}),
        rows=tuple(_row(name, by_app[id_]) for name, id_ in apps if id_ in by_app),
        never_deployed=tuple(name for name, id_ in apps if id_ not in by_app),
    )


def _columns(matrix: Document, used: set[str]) -> tuple[Column, ...]:
    environments = sorted(
        (get_int(one, "sort_order"), get_name(one, "name"), get_name(one, "tier"))
        for one in get_objects(matrix, "environments")
    )
    listed = [Column(name, tier) for _, name, tier in environments]
    others = used - {column.name for column in listed}
    return (*listed, *(Column(name, "other") for name in sorted(others)))


def _row(app: str, places: Mapping[str, Document]) -> Row:
    current = {name: get_object_or_none(place, "current") for name, place in places.items()}
    ids = [get_int(one, "version_id") for one in current.values() if one is not None]
    newest = max(ids, default=0)
    return Row(app, {name: _cell(place, newest) for name, place in places.items()}, len({*ids}) > 1)


def _cell(place: Document, newest: int) -> Cell:
    standing, last = get_object_or_none(place, "current"), _attempt(get_object(place, "last"))
    current = None if standing is None else _attempt(standing)
    return Cell(
        current=current,
        latest_attempt=None if current is not None and current.deployment_id >= last.deployment_id else last,
        age=get_int_or_none(place, "age_seconds"),
        is_outdated=current is not None and current.version_id < newest,
    )


def _attempt(cell: Document) -> DeploymentRef:
    return DeploymentRef(
        deployment_id=get_int(cell, "deployment_id"),
        version_id=get_int(cell, "version_id"),
        tag=get_name(cell, "tag"),
        status=get_name(cell, "status"),
        actor=get_str(cell, "actor"),
        since=get_str(cell, "updated_at"),
    )
