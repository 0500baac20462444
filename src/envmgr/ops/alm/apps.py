"""Apps: list, show, create, update, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import document, number, parts, state_of, word
from envmgr.alm.matrix import grid
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import Listed, listed
from envmgr.ops.alm.resolve import app_path

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

NEWEST = 5


@frozen
class AppShown:
    """An app, its newest versions, and the places where it stands."""

    app: Document
    versions: Listed
    places: tuple[Document, ...]


def listing(api: Api, limit: int) -> Listed:
    """Return apps by name."""
    return listed(api, "/apps", {"sort": "name"}, limit)


def show(api: Api, ref: str) -> AppShown:
    """Return an app and what is to be known of it."""
    app = resolve.app(api, ref)
    versions = listed(api, f"{app_path(ref)}/versions", {}, NEWEST)
    return AppShown(app, versions, _places(resolve.matrix(api), number(app, "id")))


def _places(matrix: Document, app_id: int) -> tuple[Document, ...]:
    """Return where an app was deployed, environments by their order."""
    order = [column.name for column in grid(matrix).columns]
    places = [place for place in parts(matrix, "places") if number(place, "app_id") == app_id]
    return tuple(sorted(places, key=lambda place: order.index(word(place, "environment"))))


def create(api: Api, name: str, description: str, version: str | None) -> Document:
    """Register an app, and its first version where that is given."""
    first = {} if version is None else {"version": version}
    return document(api.post("/apps", {"name": name, "description": description, **first}))


def update(api: Api, ref: str, name: str | None, description: str | None) -> Document:
    """Change what is given of an app."""
    app = resolve.app(api, ref)
    change = {
        field: value for field, value in (("name", name), ("description", description)) if value is not None
    }
    return document(api.patch(f"/apps/{number(app, 'id')}", change, state=state_of(app)))


def delete(api: Api, app: Document, *, force: bool) -> None:
    """Remove an app, with `force` also one that stands somewhere."""
    api.delete(f"/apps/{number(app, 'id')}", {"force": "true"} if force else {}, state=state_of(app))
