"""What differs between two versions, or between all that stands in two environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.compare import compare
from envmgr.alm.documents import document, word
from envmgr.alm.names import Everywhere, Standing
from envmgr.kit.errors import UsageError
from envmgr.kit.value import frozen
from envmgr.ops.alm import find

if TYPE_CHECKING:
    from envmgr.alm.api import Api
    from envmgr.alm.commits import Commits, Repository
    from envmgr.alm.compare import Difference
    from envmgr.alm.documents import Document
    from envmgr.alm.names import Named, Numbered, Tagged

    One = Tagged | Numbered | Standing


@frozen
class AppDifference:
    """What differs of one app; `commits` where the repository here knows both sides.

    `app` is None where each side is of another app, which the sides name.
    """

    app: str | None
    difference: Difference
    commits: Commits | None


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
    one, other = find.version(api, before), find.version(api, after)
    app = word(other, "app")
    return _compared(app if word(one, "app") == app else None, one, other, repository)


def _environments(
    api: Api, before: Everywhere, after: Everywhere, repository: Repository
) -> list[AppDifference]:
    here, there = (find.standing(api, str(named)) for named in (before, after))
    return [
        _compared(app, _by_id(api, here.get(app)), _by_id(api, there.get(app)), repository)
        for app in sorted({*here, *there})
    ]


def _by_id(api: Api, version_id: int | None) -> Document | None:
    return None if version_id is None else document(api.get(f"/versions/{version_id}"))


def _compared(
    app: str | None, before: Document | None, after: Document | None, repository: Repository
) -> AppDifference:
    found = compare(before, after)
    commits = None
    if found.before and found.after and found.before.commit != found.after.commit:
        commits = repository.between(found.before.commit, found.after.commit)
    return AppDifference(app, found, commits)
