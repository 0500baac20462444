"""The deployment matrix."""

from __future__ import annotations

from envmgr.alm import matrix
from envmgr.kit.frozen import frozen, replace
from envmgr.ops.alm import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.matrix import Grid


@frozen
class Status:
    """The matrix as a document of the API, and as a grid."""

    document: Document
    grid: Grid


def status(api: Api, environment: str | None, app: str | None) -> Status:
    """Return the matrix of all apps and environments, or of one of either."""
    document = resolve.matrix(api, environment)
    grid = matrix.grid(document)
    return Status(document, grid if app is None else _only(grid, resolve.app_name(document, app)))


def _only(grid: Grid, app: str) -> Grid:
    return replace(
        grid,
        rows=tuple(row for row in grid.rows if row.app == app),
        never_deployed=tuple(name for name in grid.never_deployed if name == app),
    )
