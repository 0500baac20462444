"""What differs between two versions, or between all that stands in two environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_name, require_object
from envmgr.alm.matrix import grid
from envmgr.alm.refs import CurrentRef, EnvironmentRef
from envmgr.alm.version_diff import compare
from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import frozen, replace
from envmgr.ops.alm import resolve

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.git_log import Commits, Repository
    from envmgr.alm.matrix import Cell, DeploymentRef
    from envmgr.alm.refs import IdRef, TagRef, VersionRef
    from envmgr.alm.version_diff import VersionDiff

    One = TagRef | IdRef | CurrentRef


@frozen
class NotDeployed:
    """An environment where nothing of an app stands, and what was tried there last, if anything was."""

    environment: str
    last_attempt: DeploymentRef | None


@frozen
class AppDifference:
    """What differs of one app; `commits` where the repository here knows both sides.

    `app` is None where each side is of another app, which the sides name. `absent` is where nothing of it stands.
    """

    app: str | None
    difference: VersionDiff
    commits: Commits | None
    absent: NotDeployed | None = None


def diff(
    api: Api, before: VersionRef, after: VersionRef, app: str | None, repository: Repository
) -> tuple[AppDifference, ...]:
    """Compare two versions, or every app of two environments (or, with `app`, that one); the same ones are told too."""
    if isinstance(before, EnvironmentRef) and isinstance(after, EnvironmentRef):
        if app is None:
            return tuple(_environments(api, before, after, repository))
        return (_versions(api, CurrentRef(app, str(before)), CurrentRef(app, str(after)), repository),)
    if isinstance(before, EnvironmentRef):
        raise _mixed(before)
    if isinstance(after, EnvironmentRef):
        raise _mixed(after)
    return (_versions(api, before, after, repository),)


def _mixed(plain: EnvironmentRef) -> UsageError:
    return UsageError(
        f"{plain} can only be compared with another environment",
        f"write APP:{plain} for what stands there of an app, or APP@{plain} for a version",
    )


def _versions(api: Api, before: One, after: One, repository: Repository) -> AppDifference:
    one, other = resolve.find_version(api, before), resolve.find_version(api, after)
    app = get_name(other, "app")
    return _compared(app if get_name(one, "app") == app else None, one, other, repository)


def _environments(
    api: Api, before: EnvironmentRef, after: EnvironmentRef, repository: Repository
) -> list[AppDifference]:
    here, there = _cells(api, str(before)), _cells(api, str(after))
    apps = sorted({app for cells in (here, there) for app, cell in cells.items() if cell.current is not None})
    found = []
    for app in apps:
        cells = ((str(before), here.get(app)), (str(after), there.get(app)))
        absent = next((_absent(name, cell) for name, cell in cells if not _is_deployed(cell)), None)
        one, other = (_current(api, cell) for _, cell in cells)
        found.append(replace(_compared(app, one, other, repository), absent=absent))
    return found


def _cells(api: Api, environment: str) -> dict[str, Cell]:
    """Return by app what stands in an environment, and what was tried there."""
    rows = grid(resolve.matrix(api, environment)).rows
    return {row.app: row.cells[environment] for row in rows if environment in row.cells}


def _is_deployed(cell: Cell | None) -> bool:
    return cell is not None and cell.current is not None


def _absent(environment: str, cell: Cell | None) -> NotDeployed:
    return NotDeployed(environment, None if cell is None else cell.latest_attempt)


def _current(api: Api, cell: Cell | None) -> Document | None:
    if cell is None or cell.current is None:
        return None
    return require_object(api.get(f"/versions/{cell.current.version_id}"))


def _compared(
    app: str | None, before: Document | None, after: Document | None, repository: Repository
) -> AppDifference:
    found = compare(before, after)
    commits = None
    if found.before and found.after and found.before.commit != found.after.commit:
        commits = repository.between(found.before.commit, found.after.commit)
    return AppDifference(app, found, commits)
