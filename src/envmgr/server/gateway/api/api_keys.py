"""The REST face of API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, post
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import LARGEST, Line
from envmgr.server.gateway.requests import KeyNew
from envmgr.server.gateway.resources import ApiKey
from envmgr.server.gateway.services.api_keys import ONLY_STATE
from envmgr.server.kit.http.errors import problems
from envmgr.server.kit.http.params import DEFAULT, Cursor, Limit, like, sortable
from envmgr.server.kit.http.requests import Asked, allow_only, call_of, paging_of, posted
from envmgr.server.kit.http.responses import answered, listed, shown

if TYPE_CHECKING:
    from envmgr.server.gateway.services.api_keys import KeyService

OfName = Annotated[str | None, like(Line, "Of this name.")]
KeyId = Annotated[int, Parameter(ge=1, le=LARGEST, description="The key's id.")]
Sort = Annotated[str | None, sortable("id", "name", "created_at")]
_SIGNED_IN: dict[str, Any] = {"tags": ["auth"], "opt": {"needs": None}}


def routes(keys: KeyService) -> list[Any]:
    """Make the handlers."""

    @post(
        "/auth/keys",
        operation_id="createKey",
        summary="Make an API key; only this answer shows it",
        responses=problems(409, 413, 415, 422),
        **_SIGNED_IN,
    )
    async def create(request: Asked, data: JSONBody[KeyNew]) -> Response[ApiKey]:
        answer = await keys.create(await posted(request), data)
        return answered(answer, f"/auth/keys/{answer.value.id}", ONLY_STATE)

    @get(
        "/auth/keys",
        operation_id="listKeys",
        summary="List your API keys; for admins, all",
        responses=problems(),
        **_SIGNED_IN,
    )
    async def listing(
        request: Asked,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: Sort = None,
        name: OfName = None,
    ) -> Response[list[ApiKey]]:
        paging = paging_of(request, limit, cursor, sort, name=name)
        return listed(request, await keys.list(call_of(request), paging))

    @get(
        "/auth/keys/{key_id:int}",
        operation_id="getKey",
        summary="Show an API key, without what opens with it",
        responses=problems(404),
        **_SIGNED_IN,
    )
    async def show(request: Asked, key_id: KeyId) -> Response[ApiKey]:
        return shown(request, await keys.get(call_of(request), key_id), ONLY_STATE)

    @delete(
        "/auth/keys/{key_id:int}",
        operation_id="revokeKey",
        summary="Revoke an API key",
        responses=problems(404, 412, 428),
        **_SIGNED_IN,
    )
    async def revoke(request: Asked, key_id: KeyId) -> None:
        allow_only(request)
        await keys.revoke(call_of(request), key_id)

    return [create, listing, show, revoke]
