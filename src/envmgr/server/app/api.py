"""The REST face of apps, over whatever implements their port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, patch, post, put
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import AppName
from envmgr.server.contracts.requests import AppChange, AppNew, AppPut
from envmgr.server.contracts.resources import App
from envmgr.server.kit.common.preconditions import tag_of
from envmgr.server.kit.http.errors import problems
from envmgr.server.kit.http.params import DEFAULT, Cursor, Limit, like, sortable
from envmgr.server.kit.http.requests import Asked, allow_only, call_of, paging_of, posted
from envmgr.server.kit.http.responses import answered, listed, shown

if TYPE_CHECKING:
    from envmgr.server.contracts.ports import Apps

Ref = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=100,
        schema_extra={"examples": ["shop"]},
        description="An app's id or name.",
    ),
]
OfName = Annotated[str | None, like(AppName, "Of this name.")]
Force = Annotated[bool, Parameter(description="Delete the app although versions of it are deployed.")]
Sort = Annotated[str | None, sortable("id", "name", "created_at", "updated_at")]
_READ: dict[str, Any] = {"tags": ["apps"], "opt": {"needs": "apps:read"}}
_WRITE: dict[str, Any] = {"tags": ["apps"], "opt": {"needs": "apps:write"}}


def routes(apps: Apps) -> list[Any]:
    """Make the handlers."""

    @post(
        "/apps",
        operation_id="createApp",
        summary="Register an app",
        responses=problems(409, 413, 415, 422),
        **_WRITE,
    )
    async def create(request: Asked, data: JSONBody[AppNew]) -> Response[App]:
        answer = await apps.create(await posted(request), data)
        return answered(answer, f"/apps/{answer.value.id}", tag_of(answer.value))

    @get("/apps", operation_id="listApps", summary="List apps", responses=problems(), **_READ)
    async def listing(
        request: Asked,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: Sort = None,
        name: OfName = None,
    ) -> Response[list[App]]:
        return listed(
            request, await apps.list(call_of(request), paging_of(request, limit, cursor, sort, name=name))
        )

    @get("/apps/{app:str}", operation_id="getApp", summary="Show an app", responses=problems(404), **_READ)
    async def show(request: Asked, app: Ref) -> Response[App]:
        found = await apps.get(call_of(request), app)
        return shown(request, found, tag_of(found))

    @put(
        "/apps/{app:str}",
        operation_id="putApp",
        summary="Say all of an app",
        responses=problems(404, 409, 412, 413, 415, 428),
        **_WRITE,
    )
    async def replace(request: Asked, app: Ref, data: JSONBody[AppPut]) -> Response[App]:
        changed = await apps.put(call_of(request), app, data)
        return shown(request, changed, tag_of(changed))

    @patch(
        "/apps/{app:str}",
        operation_id="changeApp",
        summary="Say some of an app",
        responses=problems(404, 409, 412, 413, 415, 428),
        **_WRITE,
    )
    async def change(request: Asked, app: Ref, data: JSONBody[AppChange]) -> Response[App]:
        changed = await apps.change(call_of(request), app, data)
        return shown(request, changed, tag_of(changed))

    @delete(
        "/apps/{app:str}",
        operation_id="deleteApp",
        summary="Delete an app, and its versions",
        responses=problems(404, 409, 412, 428),
        **_WRITE,
    )
    async def remove(request: Asked, app: Ref, force: Force = False) -> None:
        allow_only(request, "force")
        await apps.delete(call_of(request), app, force=force)

    return [create, listing, show, replace, change, remove]
