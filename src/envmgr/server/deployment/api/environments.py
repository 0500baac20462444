"""REST API of environments and the deployment matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from litestar import Response, delete, get, patch, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import EnvironmentName
from envmgr.server.contracts.requests import EnvironmentCreate, EnvironmentPatch, EnvironmentPut
from envmgr.server.contracts.resources import Environment, Matrix, Tier
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
    from envmgr.server.contracts.ports.deployments import Deployments


Name = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=63,
        schema_extra={"examples": ["prod"]},
        description="Environment name.",
    ),
]
NewName = Annotated[str, param_from(EnvironmentName, "Environment name.")]
EnvironmentFilter = Annotated[str | None, param_from(EnvironmentName, "Filter by environment.")]
NameFilter = Annotated[str | None, param_from(EnvironmentName, "Filter by name.")]
TierFilter = Annotated[Tier | None, Parameter(description="Filter by tier.")]
Sort = Annotated[str | None, sort_param("id", "name", "tier", "sort_order", "created_at", "updated_at")]
_READ_OPTIONS: dict[str, Any] = {"tags": ["environments"], "opt": {"scope": "deployments:read"}}
_CREATED = {201: ResponseSpec(Environment, generate_examples=False, description="Created.")}
_WRITE_OPTIONS: dict[str, Any] = {"tags": ["environments"], "opt": {"scope": "environments:write"}}


def routes(deployments: Deployments) -> list[Any]:
    """Create the route handlers."""

    @post(
        "/environments",
        operation_id="createEnvironment",
        summary="Create an environment",
        responses=problem_responses(409, 413, 415, 422),
        **_WRITE_OPTIONS,
    )
    async def create(request: HttpRequest, data: JSONBody[EnvironmentCreate]) -> Response[Environment]:
        result = await deployments.create_environment(await idempotent_context(request), data)
        return result_response(result, _location(result.value.name), etag_of(result.value))

    @get(
        "/environments",
        operation_id="listEnvironments",
        summary="List environments",
        responses=problem_responses(),
        **_READ_OPTIONS,
    )
    async def listing(
        request: HttpRequest,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        tier: TierFilter = None,
        name: NameFilter = None,
    ) -> Response[list[Environment]]:
        paging = page_request(request, limit, cursor, sort, tier=tier, name=name)
        return page_response(request, await deployments.list_environments(request_context(request), paging))

    @get(
        "/environments/{name:str}",
        operation_id="getEnvironment",
        summary="Get an environment",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def show(request: HttpRequest, name: Name) -> Response[Environment]:
        result = await deployments.get_environment(request_context(request), name)
        return resource_response(request, result, etag_of(result))

    @put(
        "/environments/{name:str}",
        operation_id="putEnvironment",
        summary="Create or replace an environment",
        responses={**problem_responses(412, 413, 415, 428), **_CREATED},
        **_WRITE_OPTIONS,
    )
    async def replace(
        request: HttpRequest, name: NewName, data: JSONBody[EnvironmentPut]
    ) -> Response[Environment]:
        result = await deployments.replace_environment(request_context(request), name, data)
        return result_response(result, _location(name), etag_of(result.value))

    @patch(
        "/environments/{name:str}",
        operation_id="changeEnvironment",
        summary="Update an environment",
        responses=problem_responses(404, 412, 413, 415, 428),
        **_WRITE_OPTIONS,
    )
    async def change(
        request: HttpRequest, name: Name, data: JSONBody[EnvironmentPatch]
    ) -> Response[Environment]:
        changed = await deployments.update_environment(request_context(request), name, data)
        return resource_response(request, changed, etag_of(changed))

    @delete(
        "/environments/{name:str}",
        operation_id="deleteEnvironment",
        summary="Delete an environment without deployments",
        responses=problem_responses(404, 409, 412, 428),
        **_WRITE_OPTIONS,
    )
    async def remove(request: HttpRequest, name: Name) -> None:
        require_known_params(request)
        await deployments.delete_environment(request_context(request), name)

    @get(
        "/matrix",
        operation_id="getMatrix",
        summary="Get the deployment matrix",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def matrix(request: HttpRequest, environment: EnvironmentFilter = None) -> Matrix:
        require_known_params(request, "environment")
        return await deployments.matrix(request_context(request), environment)

    return [create, listing, show, replace, change, remove, matrix]


def _location(name: str) -> str:
    return f"/environments/{quote(name)}"
