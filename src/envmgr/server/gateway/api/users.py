"""REST API for users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import Username
from envmgr.server.contracts.identity_requests import UserCreate, UserPatch
from envmgr.server.contracts.identity_resources import ChangedUser, HumanRole, User
from envmgr.server.kit.common.preconditions import etag_of
from envmgr.server.kit.common.problems import InvalidFields
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
from envmgr.server.kit.security.redaction import has_credential

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.identity import Users

NameFilter = Annotated[str | None, param_from(Username, "Filter by name.")]
RoleFilter = Annotated[HumanRole | None, Parameter(description="Filter by role.")]
Ref = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=64,
        schema_extra={"examples": ["ada"]},
        description="User ID or name.",
    ),
]
Sort = Annotated[str | None, sort_param("id", "username", "created_at")]
_ADMIN: dict[str, Any] = {"tags": ["users"], "opt": {"scope": "users:admin", "takes_credentials": True}}


def routes(users: Users) -> list[Any]:
    """Create the route handlers."""

    @post(
        "/users",
        operation_id="createUser",
        summary="Create a user",
        responses=problem_responses(409, 413, 415, 422),
        **_ADMIN,
    )
    async def create(request: HttpRequest, data: JSONBody[UserCreate]) -> Response[User]:
        _require_no_credential(data.username)
        result = await users.create(await idempotent_context(request), data)
        return result_response(result, f"/users/{result.value.id}", etag_of(result.value))

    @get("/users", operation_id="listUsers", summary="List users", responses=problem_responses(), **_ADMIN)
    async def listing(
        request: HttpRequest,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        username: NameFilter = None,
        role: RoleFilter = None,
    ) -> Response[list[User]]:
        folded = None if username is None else username.casefold()
        paging = page_request(request, limit, cursor, sort, username=folded, role=role)
        return page_response(request, await users.list(request_context(request), paging))

    @get(
        "/users/{user:str}",
        operation_id="getUser",
        summary="Get a user",
        responses=problem_responses(404),
        **_ADMIN,
    )
    async def show(request: HttpRequest, user: Ref) -> Response[User]:
        result = await users.get(request_context(request), user)
        return resource_response(request, result, etag_of(result))

    @patch(
        "/users/{user:str}",
        operation_id="changeUser",
        summary="Update a user and revoke their sessions",
        description="API keys stay valid unless `revoke_keys` is true; after a new password, the response counts them.",
        responses=problem_responses(404, 409, 412, 413, 415, 428),
        **_ADMIN,
    )
    async def change(request: HttpRequest, user: Ref, data: JSONBody[UserPatch]) -> Response[ChangedUser]:
        changed = await users.update(request_context(request), user, data)
        return resource_response(request, changed, etag_of(changed))

    @delete(
        "/users/{user:str}",
        operation_id="deleteUser",
        summary="Delete a user and revoke their keys",
        responses=problem_responses(404, 409, 412, 428),
        **_ADMIN,
    )
    async def remove(request: HttpRequest, user: Ref) -> None:
        require_known_params(request)
        await users.delete(request_context(request), user)

    return [create, listing, show, change, remove]


def _require_no_credential(username: str) -> None:
    """Raise InvalidFields for a name that contains a credential; a password may look like one."""
    if has_credential(username.encode()):
        raise InvalidFields(
            "invalid fields", errors=[("/username", "contains an API key or a token: revoke it")]
        )
