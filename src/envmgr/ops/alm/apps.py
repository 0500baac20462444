"""Apps: list, show, create, update, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import etag_of, get_int, get_name, get_objects, require_object
from envmgr.alm.matrix import grid
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import ListResult, fetch
from envmgr.ops.alm.resolve import app_path

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

MAX_RECENT_VERSIONS = 5


@frozen
class AppDetails:
    """An app, its latest versions and its placements."""

    app: Document
    versions: ListResult
    placements: tuple[Document, ...]


def listing(api: Api, limit: int) -> ListResult:
    """Return apps by name."""
    return fetch(api, "/apps", {"sort": "name"}, limit)


def show(api: Api, ref: str) -> AppDetails:
    """Return an app with its latest versions and placements."""
    app = resolve.find_app(api, ref)
    versions = fetch(api, f"{app_path(ref)}/versions", {}, MAX_RECENT_VERSIONS)
    return AppDetails(app, versions, _placements(resolve.matrix(api), get_int(app, "id")))


def _placements(matrix: Document, app_id: int) -> tuple[Document, ...]:
    """Return the placements of an app, environments in their order."""
    order = [column.name for column in grid(matrix).columns]
    placements = [item for item in get_objects(matrix, "placements") if get_int(item, "app_id") == app_id]
    return tuple(sorted(placements, key=lambda item: order.index(get_name(item, "environment"))))


def create(api: Api, name: str, description: str, version: str | None) -> Document:
    """Register an app, and its first version, if given."""
    first = {} if version is None else {"version": version}
    return require_object(api.post("/apps", {"name": name, "description": description, **first}))


def update(api: Api, ref: str, name: str | None, description: str | None) -> Document:
    """Update the given fields of an app."""
    app = resolve.find_app(api, ref)
    change = {
        field: value for field, value in (("name", name), ("description", description)) if value is not None
    }
    return require_object(api.patch(f"/apps/{get_int(app, 'id')}", change, etag=etag_of(app)))


def delete(api: Api, app: Document, *, force: bool) -> None:
    """Delete an app; with `force`, even if it is deployed."""
    api.delete(f"/apps/{get_int(app, 'id')}", {"force": "true"} if force else {}, etag=etag_of(app))
