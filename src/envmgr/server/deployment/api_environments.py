"""The REST face of environments and of the matrix, over whatever implements their port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from litestar import Response, delete, get, patch, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import EnvironmentName
from envmgr.server.contracts.requests import EnvironmentChange, EnvironmentNew, EnvironmentPut
from envmgr.server.contracts.resources import Environment, Matrix, Tier
from envmgr.server.kit.common.preconditions import tag_of
from envmgr.server.kit.http.errors import problems
from envmgr.server.kit.http.params import DEFAULT, Cursor, Limit, like, sortable
from envmgr.server.kit.http.requests import Asked, allow_only, call_of, paging_of, posted
from envmgr.server.kit.http.responses import answered, listed, shown

if TYPE_CHECKING:
    from envmgr.server.contracts.ports import Deployments


Name = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=63,
        schema_extra={"examples": ["prod"]},
        description="An environment's name.",
    ),
]
NewName = Annotated[str, like(EnvironmentName, "An environment's name.")]
OfEnvironment = Annotated[str | None, like(EnvironmentName, "Of this environment only.")]
OfName = Annotated[str | None, like(EnvironmentName, "Of this name.")]
OfTier = Annotated[Tier | None, Parameter(description="Of this tier.")]
Sort = Annotated[str | None, sortable("id", "name", "tier", "sort_order", "created_at", "updated_at")]
_READ: dict[str, Any] = {"tags": ["environments"], "opt": {"needs": "deployments:read"}}
_CREATED = {
    201: ResponseSpec(Environment, generate_examples=False, description="It was not there, and now is.")
}
_WRITE: dict[str, Any] = {"tags": ["environments"], "opt": {"needs": "environments:write"}}


def routes(deployments: Deployments) -> list[Any]:
    """Make the handlers."""

    @post(
        "/environments",
        operation_id="createEnvironment",
        summary="Make an environment before its first use",
        responses=problems(409, 413, 415, 422),
        **_WRITE,
    )
    async def create(request: Asked, data: JSONBody[EnvironmentNew]) -> Response[Environment]:
        answer = await deployments.create_environment(await posted(request), data)
        return answered(answer, _location(answer.value.name), tag_of(answer.value))

    @get(
        "/environments",
        operation_id="listEnvironments",
        summary="List environments",
        responses=problems(),
        **_READ,
    )
    async def listing(
        request: Asked,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: Sort = None,
        tier: OfTier = None,
        name: OfName = None,
    ) -> Response[list[Environment]]:
        paging = paging_of(request, limit, cursor, sort, tier=tier, name=name)
        return listed(request, await deployments.environments(call_of(request), paging))

    @get(
        "/environments/{name:str}",
        operation_id="getEnvironment",
        summary="Show an environment",
        responses=problems(404),
        **_READ,
    )
    async def show(request: Asked, name: Name) -> Response[Environment]:
        found = await deployments.environment(call_of(request), name)
        return shown(request, found, tag_of(found))

    @put(
        "/environments/{name:str}",
        operation_id="putEnvironment",
        summary="Say all of an environment, new or not",
        responses={**problems(412, 413, 415, 428), **_CREATED},
        **_WRITE,
    )
    async def replace(request: Asked, name: NewName, data: JSONBody[EnvironmentPut]) -> Response[Environment]:
        answer = await deployments.put_environment(call_of(request), name, data)
        return answered(answer, _location(name), tag_of(answer.value))

    @patch(
        "/environments/{name:str}",
        operation_id="changeEnvironment",
        summary="Say some of an environment",
        responses=problems(404, 412, 413, 415, 428),
        **_WRITE,
    )
    async def change(request: Asked, name: Name, data: JSONBody[EnvironmentChange]) -> Response[Environment]:
        changed = await deployments.change_environment(call_of(request), name, data)
        return shown(request, changed, tag_of(changed))

    @delete(
        "/environments/{name:str}",
        operation_id="deleteEnvironment",
        summary="Delete an environment that nothing was ever deployed to",
        responses=problems(404, 409, 412, 428),
        **_WRITE,
    )
    async def remove(request: Asked, name: Name) -> None:
        allow_only(request)
        await deployments.delete_environment(call_of(request), name)

    @get(
        "/matrix",
        operation_id="getMatrix",
        summary="Show what stands where: apps by environments",
        responses=problems(404),
        **_READ,
    )
    async def matrix(request: Asked, environment: OfEnvironment = None) -> Matrix:
        allow_only(request, "environment")
        return await deployments.matrix(call_of(request), environment)

    return [create, listing, show, replace, change, remove, matrix]


def _location(name: str) -> str:
    return f"/environments/{quote(name)}"
