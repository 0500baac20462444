"""What stands where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import matrix
from envmgr.kit.frozen import frozen, replace
from envmgr.ops.alm import resolve

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.matrix import Grid


@frozen
class Status:
    """The matrix, as the server answers it and as one looks at it."""

    answer: Document
    grid: Grid


def status(api: Api, environment: str | None, app: str | None) -> Status:
    """Return what stands where: of all apps in all environments, or of one of either."""
    answer = resolve.matrix(api, environment)
    grid = matrix.grid(answer)
    return Status(answer, grid if app is None else _of(grid, resolve.app_name(answer, app)))


def _of(grid: Grid, app: str) -> Grid:
    return replace(
        grid,
        rows=tuple(row for row in grid.rows if row.app == app),
        never_deployed=tuple(name for name in grid.never_deployed if name == app),
    )
