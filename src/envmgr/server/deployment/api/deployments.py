"""REST API of deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, post, put
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import MAX_SAFE_INTEGER
from envmgr.server.contracts.requests import DeploymentCreate, StatusCreate
from envmgr.server.contracts.resources import Deployment, Status, StatusEntry
from envmgr.server.deployment.api import environments
from envmgr.server.deployment.api.environments import EnvironmentFilter
from envmgr.server.kit.common.preconditions import etag_of
from envmgr.server.kit.http.errors import problem_responses
from envmgr.server.kit.http.params import DEFAULT_PAGE_SIZE, Cursor, Limit, sort_param
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

DeploymentId = Annotated[int, Parameter(ge=1, le=MAX_SAFE_INTEGER, description="Deployment ID.")]
AppFilter = Annotated[
    str | None, Parameter(min_length=1, max_length=100, description="Filter by app ID or name.")
]
AppIdFilter = Annotated[int | None, Parameter(ge=1, le=MAX_SAFE_INTEGER, description="Filter by app ID.")]
VersionFilter = Annotated[
    int | None, Parameter(ge=1, le=MAX_SAFE_INTEGER, description="Filter by version ID.")
]
StatusFilter = Annotated[Status | None, Parameter(description="Filter by status.")]
Actor = Annotated[
    str | None, Parameter(min_length=1, max_length=200, description="Filter by requesting actor: `user:ada`.")
]
Sort = Annotated[str | None, sort_param("id", "created_at", "updated_at", "environment", "status")]
StatusSort = Annotated[str | None, sort_param("id")]
_READ_OPTIONS: dict[str, Any] = {"tags": ["deployments"], "opt": {"scope": "deployments:read"}}
_WRITE_OPTIONS: dict[str, Any] = {"tags": ["deployments"], "opt": {"scope": "deployments:write"}}


def routes(deployments: Deployments) -> list[Any]:
    """Create the route handlers."""
    return [
        *_deployments(deployments),
        *_statuses(deployments),
        *environments.routes(deployments),
    ]


def _deployments(deployments: Deployments) -> list[Any]:
    @post(
        "/deployments",
        operation_id="createDeployment",
        summary="Deploy a version to an environment",
        description="Creates the environment on first use. Each app has at most one active deployment per environment.",
        responses=problem_responses(404, 409, 413, 415, 422),
        **_WRITE_OPTIONS,
    )
    async def create(request: HttpRequest, data: JSONBody[DeploymentCreate]) -> Response[Deployment]:
        result = await deployments.create(await idempotent_context(request), data)
        return result_response(result, f"/deployments/{result.value.id}", etag_of(result.value))

    @get(
        "/deployments",
        operation_id="listDeployments",
        summary="List deployments",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def listing(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: HttpRequest,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        app: AppFilter = None,
        app_id: AppIdFilter = None,
        environment: EnvironmentFilter = None,
        status: StatusFilter = None,
        version_id: VersionFilter = None,
        actor: Actor = None,
    ) -> Response[list[Deployment]]:
        filters: dict[str, str | int | None] = {
            "app": app,
            "app_id": app_id,
            "environment": environment,
            "status": status,
            "version_id": version_id,
            "actor": actor,
        }
        paging = page_request(request, limit, cursor, sort, **filters)
        return page_response(request, await deployments.list(request_context(request), paging))

    @get(
        "/deployments/{deployment_id:int}",
        operation_id="getDeployment",
        summary="Get a deployment",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def show(request: HttpRequest, deployment_id: DeploymentId) -> Response[Deployment]:
        result = await deployments.get(request_context(request), deployment_id)
        return resource_response(request, result, etag_of(result))

    @put(
        "/deployments/{deployment_id:int}",
        operation_id="putDeployment",
        summary="Set a deployment's status",
        description="Idempotent variant of adding a status.",
        responses=problem_responses(404, 409, 412, 413, 415, 428),
        **_WRITE_OPTIONS,
    )
    async def replace(
        request: HttpRequest, deployment_id: DeploymentId, data: JSONBody[StatusCreate]
    ) -> Response[Deployment]:
        changed = await deployments.set_status(request_context(request), deployment_id, data)
        return resource_response(request, changed, etag_of(changed))

    @delete(
        "/deployments/{deployment_id:int}",
        operation_id="deleteDeployment",
        summary="Delete an inactive, superseded deployment",
        responses=problem_responses(404, 409, 412, 428),
        **_WRITE_OPTIONS,
    )
    async def remove(request: HttpRequest, deployment_id: DeploymentId) -> None:
        require_known_params(request)
        await deployments.delete(request_context(request), deployment_id)

    return [create, listing, show, replace, remove]


def _statuses(deployments: Deployments) -> list[Any]:
    @post(
        "/deployments/{deployment_id:int}/statuses",
        operation_id="createDeploymentStatus",
        summary="Add a status to a deployment",
        description="Invalid transitions return 409 with the `allowed_statuses`. While its "
        "environment is blocked, transitions out of `blocked` or into `in_progress` return 409 with the `reason`, "
        "unless the caller has environments:write.",
        responses=problem_responses(404, 409, 412, 413, 415, 422),
        **_WRITE_OPTIONS,
    )
    async def advance(
        request: HttpRequest, deployment_id: DeploymentId, data: JSONBody[StatusCreate]
    ) -> Response[StatusEntry]:
        result = await deployments.add_status(await idempotent_context(request), deployment_id, data)
        return result_response(result, f"/deployments/{deployment_id}/statuses")

    @get(
        "/deployments/{deployment_id:int}/statuses",
        operation_id="listDeploymentStatuses",
        summary="List the statuses of a deployment",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def history(
        request: HttpRequest,
        deployment_id: DeploymentId,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: StatusSort = None,
    ) -> Response[list[StatusEntry]]:
        paging = page_request(request, limit, cursor, sort)
        return page_response(
            request, await deployments.list_statuses(request_context(request), deployment_id, paging)
        )

    return [advance, history]
