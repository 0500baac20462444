"""The REST face of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import Username
from envmgr.server.gateway.requests import UserChange, UserNew
from envmgr.server.gateway.resources import HumanRole, User
from envmgr.server.kit.common.preconditions import tag_of
from envmgr.server.kit.http.errors import problems
from envmgr.server.kit.http.params import DEFAULT, Cursor, Limit, like, sortable
from envmgr.server.kit.http.requests import Asked, allow_only, call_of, paging_of, posted
from envmgr.server.kit.http.responses import answered, listed, shown

if TYPE_CHECKING:
    from envmgr.server.gateway.services.users import UserService

OfName = Annotated[str | None, like(Username, "Of this name.")]
OfRole = Annotated[HumanRole | None, Parameter(description="In this role.")]
Ref = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=64,
        schema_extra={"examples": ["ada"]},
        description="A user's id or name.",
    ),
]
Sort = Annotated[str | None, sortable("id", "username", "created_at")]
_ADMIN: dict[str, Any] = {"tags": ["users"], "opt": {"needs": "users:admin"}}


def routes(users: UserService) -> list[Any]:
    """Make the handlers."""

    @post(
        "/users",
        operation_id="createUser",
        summary="Let somebody sign in",
        responses=problems(409, 413, 415, 422),
        **_ADMIN,
    )
    async def create(request: Asked, data: JSONBody[UserNew]) -> Response[User]:
        answer = await users.create(await posted(request), data)
        return answered(answer, f"/users/{answer.value.id}", tag_of(answer.value))

    @get("/users", operation_id="listUsers", summary="List users", responses=problems(), **_ADMIN)
    async def listing(
        request: Asked,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: Sort = None,
        username: OfName = None,
        role: OfRole = None,
    ) -> Response[list[User]]:
        folded = None if username is None else username.casefold()
        paging = paging_of(request, limit, cursor, sort, username=folded, role=role)
        return listed(request, await users.list(call_of(request), paging))

    @get(
        "/users/{user:str}", operation_id="getUser", summary="Show a user", responses=problems(404), **_ADMIN
    )
    async def show(request: Asked, user: Ref) -> Response[User]:
        found = await users.get(call_of(request), user)
        return shown(request, found, tag_of(found))

    @patch(
        "/users/{user:str}",
        operation_id="changeUser",
        summary="Change a user's role or password, or whether they may sign in; it ends their sessions",
        responses=problems(404, 409, 412, 413, 415, 428),
        **_ADMIN,
    )
    async def change(request: Asked, user: Ref, data: JSONBody[UserChange]) -> Response[User]:
        changed = await users.change(call_of(request), user, data)
        return shown(request, changed, tag_of(changed))

    @delete(
        "/users/{user:str}",
        operation_id="deleteUser",
        summary="Remove a user; their keys end with them",
        responses=problems(404, 409, 412, 428),
        **_ADMIN,
    )
    async def remove(request: Asked, user: Ref) -> None:
        allow_only(request)
        await users.delete(call_of(request), user)

    return [create, listing, show, change, remove]
