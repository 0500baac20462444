"""Differences between two versions, or between two environments."""

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

    Ref = TagRef | IdRef | CurrentRef


@frozen
class NotDeployed:
    """An environment where an app is not deployed, and the last attempt, if any."""

    environment: str
    last_attempt: DeploymentRef | None


@frozen
class AppDifference:
    """Differences of one app; `commits` if the local repository has both sides.

    `app` is None if the sides are of different apps. `absent` is an environment without the app.
    """

    app: str | None
    difference: VersionDiff
    commits: Commits | None
    absent: NotDeployed | None = None


def diff(
    api: Api, before: VersionRef, after: VersionRef, app: str | None, repository: Repository
) -> tuple[AppDifference, ...]:
    """Compare two versions, or the apps of two environments (with `app`, only that one)."""
    if isinstance(before, EnvironmentRef) and isinstance(after, EnvironmentRef):
        if app is None:
            return tuple(_environments(api, before, after, repository))
        return (_versions(api, CurrentRef(app, str(before)), CurrentRef(app, str(after)), repository),)
    if isinstance(before, EnvironmentRef):
        raise _mixed_error(before)
    if isinstance(after, EnvironmentRef):
        raise _mixed_error(after)
    return (_versions(api, before, after, repository),)


def _mixed_error(environment: EnvironmentRef) -> UsageError:
    return UsageError(
        f"cannot compare environment {environment} with a version",
        f"pass another environment, APP:{environment} for the deployed version, or APP@{environment} for a tag",
    )


def _versions(api: Api, before: Ref, after: Ref, repository: Repository) -> AppDifference:
    old, new = resolve.find_version(api, before), resolve.find_version(api, after)
    app = get_name(new, "app")
    return _compare(app if get_name(old, "app") == app else None, old, new, repository)


def _environments(
    api: Api, before: EnvironmentRef, after: EnvironmentRef, repository: Repository
) -> list[AppDifference]:
    old_cells, new_cells = _cells(api, str(before)), _cells(api, str(after))
    apps = sorted(
        {app for cells in (old_cells, new_cells) for app, cell in cells.items() if cell.current is not None}
    )
    differences = []
    for app in apps:
        cells = ((str(before), old_cells.get(app)), (str(after), new_cells.get(app)))
        absent = next((_not_deployed(name, cell) for name, cell in cells if not _is_deployed(cell)), None)
        old, new = (_current_version(api, cell) for _, cell in cells)
        differences.append(replace(_compare(app, old, new, repository), absent=absent))
    return differences


def _cells(api: Api, environment: str) -> dict[str, Cell]:
    """Return the cells of an environment by app."""
    rows = grid(resolve.matrix(api, environment)).rows
    return {row.app: row.cells[environment] for row in rows if environment in row.cells}


def _is_deployed(cell: Cell | None) -> bool:
    return cell is not None and cell.current is not None


def _not_deployed(environment: str, cell: Cell | None) -> NotDeployed:
    return NotDeployed(environment, None if cell is None else cell.latest_attempt)


def _current_version(api: Api, cell: Cell | None) -> Document | None:
    if cell is None or cell.current is None:
        return None
    return require_object(api.get(f"/versions/{cell.current.version_id}"))


def _compare(
    app: str | None, before: Document | None, after: Document | None, repository: Repository
) -> AppDifference:
    difference = compare(before, after)
    commits = None
    if difference.before and difference.after and difference.before.commit != difference.after.commit:
        commits = repository.between(difference.before.commit, difference.after.commit)
    return AppDifference(app, difference, commits)
