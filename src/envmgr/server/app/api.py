"""REST API of apps, over their port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, patch, post, put
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts import workflows
from envmgr.server.contracts.fields import AppName
from envmgr.server.contracts.requests import AppCreate, AppPatch, AppPut
from envmgr.server.contracts.resources import App
from envmgr.server.kit.common.preconditions import etag_of
from envmgr.server.kit.http.errors import problem_responses
from envmgr.server.kit.http.params import DEFAULT_PAGE_SIZE, Cursor, Limit, param_from, sort_param
from envmgr.server.kit.http.requests import (
    HttpRequest,
    idempotent_context,
    page_request,
    request_context,
    require_known_params,
)
from envmgr.server.kit.http.responses import page_response, resource_response, result_response

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.contracts.ports.deployments import Deployments
    from envmgr.server.contracts.ports.versions import Versions

Ref = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=100,
        schema_extra={"examples": ["shop"]},
        description="App ID or name.",
    ),
]
NameFilter = Annotated[str | None, param_from(AppName, "Filter by name.")]
Force = Annotated[bool, Parameter(description="Delete the app even if versions are deployed.")]
Sort = Annotated[str | None, sort_param("id", "name", "created_at", "updated_at")]
_READ_OPTIONS: dict[str, Any] = {"tags": ["apps"], "opt": {"scope": "apps:read"}}
_WRITE_OPTIONS: dict[str, Any] = {"tags": ["apps"], "opt": {"scope": "apps:write"}}


def routes(apps: Apps, versions: Versions, deployments: Deployments) -> list[Any]:
    """Create the route handlers."""

    @post(
        "/apps",
        operation_id="createApp",
        summary="Create an app",
        responses=problem_responses(409, 413, 415, 422),
        **_WRITE_OPTIONS,
    )
    async def create(request: HttpRequest, data: JSONBody[AppCreate]) -> Response[App]:
        result = await workflows.create_app(apps, versions, await idempotent_context(request), data)
        return result_response(result, f"/apps/{result.value.id}", etag_of(result.value))

    @get(
        "/apps", operation_id="listApps", summary="List apps", responses=problem_responses(), **_READ_OPTIONS
    )
    async def listing(
        request: HttpRequest,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        name: NameFilter = None,
    ) -> Response[list[App]]:
        return page_response(
            request,
            await apps.list(request_context(request), page_request(request, limit, cursor, sort, name=name)),
        )

    @get(
        "/apps/{app:str}",
        operation_id="getApp",
        summary="Get an app",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def show(request: HttpRequest, app: Ref) -> Response[App]:
        result = await apps.get(request_context(request), app)
        return resource_response(request, result, etag_of(result))

    @put(
        "/apps/{app:str}",
        operation_id="putApp",
        summary="Replace an app",
        responses=problem_responses(404, 409, 412, 413, 415, 428),
        **_WRITE_OPTIONS,
    )
    async def replace(request: HttpRequest, app: Ref, data: JSONBody[AppPut]) -> Response[App]:
        changed = await apps.replace(request_context(request), app, data)
        return resource_response(request, changed, etag_of(changed))

    @patch(
        "/apps/{app:str}",
        operation_id="changeApp",
        summary="Update an app",
        responses=problem_responses(404, 409, 412, 413, 415, 428),
        **_WRITE_OPTIONS,
    )
    async def change(request: HttpRequest, app: Ref, data: JSONBody[AppPatch]) -> Response[App]:
        changed = await apps.update(request_context(request), app, data)
        return resource_response(request, changed, etag_of(changed))

    @delete(
        "/apps/{app:str}",
        operation_id="deleteApp",
        summary="Delete an app and its versions",
        responses=problem_responses(404, 409, 412, 428),
        **_WRITE_OPTIONS,
    )
    async def remove(request: HttpRequest, app: Ref, force: Force = False) -> None:
        require_known_params(request, "force")
        await workflows.delete_app(apps, deployments, request_context(request), app, force=force)

    return [create, listing, show, replace, change, remove]
