"""Deployment matrix as a grid: a row an app, a column an environment, without I/O."""

from __future__ import annotations

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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.alm.client.fields import Document


@frozen
class DeploymentRef:
    """A deployment of a version; `since` is the time of its status (RFC 3339)."""

    deployment_id: int
    version_id: int
    tag: str
    status: str
    actor: str
    since: str


@frozen
class Cell:
    """An app in an environment: the current deployment, its age in seconds, and a later attempt.

    `is_outdated`: another environment has a newer version of the app.
    """

    current: DeploymentRef | None
    latest_attempt: DeploymentRef | None
    age: int | None
    is_outdated: bool = False


@frozen
class Row:
    """An app, and its cells by environment; `differs` if not all have the same version."""

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
    """Rows and columns, and the apps without any deployment in these environments."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    never_deployed: tuple[str, ...]


def grid(document: object) -> Grid:
    """Return the grid of a `GET /matrix` document: environments in their order, apps by name."""
    matrix = require_object(document)
    by_app: dict[int, dict[str, Document]] = {}
    names = {get_int(app, "id"): get_name(app, "name") for app in get_objects(matrix, "apps")}
    for placement in get_objects(matrix, "placements"):
        by_app.setdefault(get_int(placement, "app_id"), {})[get_name(placement, "environment")] = placement
        names.setdefault(get_int(placement, "app_id"), get_name(placement, "app"))
    apps = sorted((name, id_) for id_, name in names.items())
    return Grid(
        columns=_columns(matrix, {name for placements in by_app.values() for name in placements}),
        rows=tuple(_row(name, by_app[id_]) for name, id_ in apps if id_ in by_app),
        never_deployed=tuple(name for name, id_ in apps if id_ not in by_app),
    )


def _columns(matrix: Document, used: set[str]) -> tuple[Column, ...]:
    environments = sorted(
        (get_int(environment, "sort_order"), get_name(environment, "name"), get_name(environment, "tier"))
        for environment in get_objects(matrix, "environments")
    )
    columns = [Column(name, tier) for _, name, tier in environments]
    others = used - {column.name for column in columns}
    return (*columns, *(Column(name, "other") for name in sorted(others)))


def _row(app: str, placements: Mapping[str, Document]) -> Row:
    current = {name: get_object_or_none(placement, "current") for name, placement in placements.items()}
    ids = [get_int(state, "version_id") for state in current.values() if state is not None]
    latest_version_id = max(ids, default=0)
    return Row(
        app,
        {name: _cell(placement, latest_version_id) for name, placement in placements.items()},
        len({*ids}) > 1,
    )


def _cell(placement: Document, latest_version_id: int) -> Cell:
    deployed, last = get_object_or_none(placement, "current"), _deployment_ref(get_object(placement, "last"))
    current = None if deployed is None else _deployment_ref(deployed)
    return Cell(
        current=current,
        latest_attempt=None if current is not None and current.deployment_id >= last.deployment_id else last,
        age=get_int_or_none(placement, "age_seconds"),
        is_outdated=current is not None and current.version_id < latest_version_id,
    )


def _deployment_ref(cell: Document) -> DeploymentRef:
    return DeploymentRef(
        deployment_id=get_int(cell, "deployment_id"),
        version_id=get_int(cell, "version_id"),
        tag=get_name(cell, "tag"),
        status=get_name(cell, "status"),
        actor=get_str(cell, "actor"),
        since=get_str(cell, "updated_at"),
    )
