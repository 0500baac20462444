"""The REST face of deployments, over whatever implements their port; environments have theirs beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, post, put
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import LARGEST
from envmgr.server.contracts.requests import DeploymentNew, StatusNew
from envmgr.server.contracts.resources import Deployment, Status, StatusEntry
from envmgr.server.deployment import api_environments
from envmgr.server.deployment.api_environments import OfEnvironment
from envmgr.server.kit.common.preconditions import tag_of
from envmgr.server.kit.http.errors import problems
from envmgr.server.kit.http.params import DEFAULT, Cursor, Limit, sortable
from envmgr.server.kit.http.requests import Asked, allow_only, call_of, paging_of, posted
from envmgr.server.kit.http.responses import answered, listed, shown

if TYPE_CHECKING:
    from envmgr.server.contracts.ports import Deployments

Number = Annotated[int, Parameter(ge=1, le=LARGEST, description="A deployment's id.")]
OfApp = Annotated[
    str | None, Parameter(min_length=1, max_length=100, description="Of this app: its id or name.")
]
OfAppId = Annotated[int | None, Parameter(ge=1, le=LARGEST, description="Of the app with this id.")]
OfVersion = Annotated[int | None, Parameter(ge=1, le=LARGEST, description="Of the version with this id.")]
OfStatus = Annotated[Status | None, Parameter(description="In this state.")]
Actor = Annotated[
    str | None, Parameter(min_length=1, max_length=200, description="Who asked for it: `user:ada`.")
]
Sort = Annotated[str | None, sortable("id", "created_at", "updated_at", "environment", "status")]
ByStep = Annotated[str | None, sortable("id")]
_READ: dict[str, Any] = {"tags": ["deployments"], "opt": {"needs": "deployments:read"}}
_WRITE: dict[str, Any] = {"tags": ["deployments"], "opt": {"needs": "deployments:write"}}


def routes(deployments: Deployments) -> list[Any]:
    """Make the handlers."""
    return [
        *_deployments(deployments),
        *_statuses(deployments),
        *api_environments.routes(deployments),
    ]


def _deployments(deployments: Deployments) -> list[Any]:
    @post(
        "/deployments",
        operation_id="createDeployment",
        summary="Deploy a version to an environment",
        description="An environment is made by its first use. An app has one active deployment in it at most.",
        responses=problems(404, 409, 413, 415, 422),
        **_WRITE,
    )
    async def create(request: Asked, data: JSONBody[DeploymentNew]) -> Response[Deployment]:
        answer = await deployments.create(await posted(request), data)
        return answered(answer, f"/deployments/{answer.value.id}", tag_of(answer.value))

    @get(
        "/deployments",
        operation_id="listDeployments",
        summary="List deployments",
        responses=problems(404),
        **_READ,
    )
    async def listing(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: Asked,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: Sort = None,
        app: OfApp = None,
        app_id: OfAppId = None,
        environment: OfEnvironment = None,
        status: OfStatus = None,
        version_id: OfVersion = None,
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
        paging = paging_of(request, limit, cursor, sort, **filters)
        return listed(request, await deployments.list(call_of(request), paging))

    @get(
        "/deployments/{deployment_id:int}",
        operation_id="getDeployment",
        summary="Show a deployment",
        responses=problems(404),
        **_READ,
    )
    async def show(request: Asked, deployment_id: Number) -> Response[Deployment]:
        found = await deployments.get(call_of(request), deployment_id)
        return shown(request, found, tag_of(found))

    @put(
        "/deployments/{deployment_id:int}",
        operation_id="putDeployment",
        summary="Say what a deployment has come to",
        description="As a new status does; but saying again what it is already changes nothing.",
        responses=problems(404, 409, 412, 413, 415, 428),
        **_WRITE,
    )
    async def replace(
        request: Asked, deployment_id: Number, data: JSONBody[StatusNew]
    ) -> Response[Deployment]:
        changed = await deployments.put(call_of(request), deployment_id, data)
        return shown(request, changed, tag_of(changed))

    @delete(
        "/deployments/{deployment_id:int}",
        operation_id="deleteDeployment",
        summary="Delete a deployment that is history only",
        responses=problems(404, 409, 412, 428),
        **_WRITE,
    )
    async def remove(request: Asked, deployment_id: Number) -> None:
        allow_only(request)
        await deployments.delete(call_of(request), deployment_id)

    return [create, listing, show, replace, remove]


def _statuses(deployments: Deployments) -> list[Any]:
    @post(
        "/deployments/{deployment_id:int}/statuses",
        operation_id="createDeploymentStatus",
        summary="Take a deployment a step further",
        description="A step that it cannot take from where it is answers 409, with the `steps` that it can. While its "
        "environment is blocked, so does one out of `blocked` or into `in_progress`, with the `reason`, unless who "
        "takes it may write environments.",
        responses=problems(404, 409, 412, 413, 415, 422),
        **_WRITE,
    )
    async def advance(
        request: Asked, deployment_id: Number, data: JSONBody[StatusNew]
    ) -> Response[StatusEntry]:
        answer = await deployments.advance(await posted(request), deployment_id, data)
        return answered(answer, f"/deployments/{deployment_id}/statuses")

    @get(
        "/deployments/{deployment_id:int}/statuses",
        operation_id="listDeploymentStatuses",
        summary="Show the history of a deployment",
        responses=problems(404),
        **_READ,
    )
    async def history(
        request: Asked,
        deployment_id: Number,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: ByStep = None,
    ) -> Response[list[StatusEntry]]:
        paging = paging_of(request, limit, cursor, sort)
        return listed(request, await deployments.statuses(call_of(request), deployment_id, paging))

    return [advance, history]
