"""What differs between two versions, or between all that stands in two environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import document, word
from envmgr.alm.matrix import grid
from envmgr.alm.refs import Everywhere, Standing
from envmgr.alm.version_diff import compare
from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import frozen, replace
from envmgr.ops.alm import resolve

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.git_log import Commits, Repository
    from envmgr.alm.matrix import Attempt, Cell
    from envmgr.alm.refs import Named, Numbered, Tagged
    from envmgr.alm.version_diff import Difference

    One = Tagged | Numbered | Standing


@frozen
class Absent:
    """An environment where nothing of an app stands, and what was tried there last, if anything was."""

    environment: str
    tried: Attempt | None


@frozen
class AppDifference:
    """What differs of one app; `commits` where the repository here knows both sides.

    `app` is None where each side is of another app, which the sides name. `absent` is where nothing of it stands.
    """

    app: str | None
    difference: Difference
    commits: Commits | None
    absent: Absent | None = None


def diff(
    api: Api, before: Named, after: Named, app: str | None, repository: Repository
) -> tuple[AppDifference, ...]:
    """Compare two versions, or every app of two environments (or, with `app`, that one); the same ones are told too."""
    if isinstance(before, Everywhere) and isinstance(after, Everywhere):
        if app is None:
            return tuple(_environments(api, before, after, repository))
        return (_versions(api, Standing(app, str(before)), Standing(app, str(after)), repository),)
    if isinstance(before, Everywhere):
        raise _mixed(before)
    if isinstance(after, Everywhere):
        raise _mixed(after)
    return (_versions(api, before, after, repository),)


def _mixed(plain: Everywhere) -> UsageError:
    return UsageError(
        f"{plain} can only be compared with another environment",
        f"write APP:{plain} for what stands there of an app, or APP@{plain} for a version",
    )


def _versions(api: Api, before: One, after: One, repository: Repository) -> AppDifference:
    one, other = resolve.version(api, before), resolve.version(api, after)
    app = word(other, "app")
    return _compared(app if word(one, "app") == app else None, one, other, repository)


def _environments(
    api: Api, before: Everywhere, after: Everywhere, repository: Repository
) -> list[AppDifference]:
    here, there = _cells(api, str(before)), _cells(api, str(after))
    apps = sorted({app for cells in (here, there) for app, cell in cells.items() if cell.current is not None})
    found = []
    for app in apps:
        cells = ((str(before), here.get(app)), (str(after), there.get(app)))
        absent = next((_absent(name, cell) for name, cell in cells if not _stands(cell)), None)
        one, other = (_current(api, cell) for _, cell in cells)
        found.append(replace(_compared(app, one, other, repository), absent=absent))
    return found


def _cells(api: Api, environment: str) -> dict[str, Cell]:
    """Return by app what stands in an environment, and what was tried there."""
    rows = grid(resolve.matrix(api, environment)).rows
    return {row.app: row.cells[environment] for row in rows if environment in row.cells}


def _stands(cell: Cell | None) -> bool:
    return cell is not None and cell.current is not None


def _absent(environment: str, cell: Cell | None) -> Absent:
    return Absent(environment, None if cell is None else cell.newer)


def _current(api: Api, cell: Cell | None) -> Document | None:
    if cell is None or cell.current is None:
        return None
    return document(api.get(f"/versions/{cell.current.version_id}"))


def _compared(
    app: str | None, before: Document | None, after: Document | None, repository: Repository
) -> AppDifference:
    found = compare(before, after)
    commits = None
    if found.before and found.after and found.before.commit != found.after.commit:
        commits = repository.between(found.before.commit, found.after.commit)
    return AppDifference(app, found, commits)
