"""REST API for API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, post
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import MAX_SAFE_INTEGER, Line
from envmgr.server.contracts.identity_requests import KeyCreate
from envmgr.server.contracts.identity_resources import ApiKey
from envmgr.server.kit.common.preconditions import IMMUTABLE_ETAG
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
    from envmgr.server.contracts.ports.identity import ApiKeys

NameFilter = Annotated[str | None, param_from(Line, "Filter by name.")]
KeyId = Annotated[int, Parameter(ge=1, le=MAX_SAFE_INTEGER, description="API key ID.")]
Sort = Annotated[str | None, sort_param("id", "name", "created_at")]
_SIGNED_IN: dict[str, Any] = {"tags": ["auth"], "opt": {"scope": None}}


def routes(keys: ApiKeys) -> list[Any]:
    """Create the route handlers."""

    @post(
        "/auth/keys",
        operation_id="createKey",
        summary="Create an API key (the secret is returned once)",
        responses=problem_responses(409, 413, 415, 422),
        **_SIGNED_IN,
    )
    async def create(request: HttpRequest, data: JSONBody[KeyCreate]) -> Response[ApiKey]:
        result = await keys.create(await idempotent_context(request), data)
        return result_response(result, f"/auth/keys/{result.value.id}", IMMUTABLE_ETAG)

    @get(
        "/auth/keys",
        operation_id="listKeys",
        summary="List API keys (your own; for admins, all)",
        responses=problem_responses(),
        **_SIGNED_IN,
    )
    async def listing(
        request: HttpRequest,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        name: NameFilter = None,
    ) -> Response[list[ApiKey]]:
        paging = page_request(request, limit, cursor, sort, name=name)
        return page_response(request, await keys.list(request_context(request), paging))

    @get(
        "/auth/keys/{key_id:int}",
        operation_id="getKey",
        summary="Get an API key (without the secret)",
        responses=problem_responses(404),
        **_SIGNED_IN,
    )
    async def show(request: HttpRequest, key_id: KeyId) -> Response[ApiKey]:
        return resource_response(request, await keys.get(request_context(request), key_id), IMMUTABLE_ETAG)

    @delete(
        "/auth/keys/{key_id:int}",
        operation_id="revokeKey",
        summary="Revoke an API key",
        responses=problem_responses(404, 412, 428),
        **_SIGNED_IN,
    )
    async def revoke(request: HttpRequest, key_id: KeyId) -> None:
        require_known_params(request)
        await keys.revoke(request_context(request), key_id)

    return [create, listing, show, revoke]
