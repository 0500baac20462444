"""The REST face of versions, over whatever implements their port."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, patch, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts.fields import LARGEST, Commit, Digest, Id, Line, Tag
from envmgr.server.contracts.requests import AppVersionNew, VersionChange, VersionNew, VersionPut
from envmgr.server.contracts.resources import Lock, Version
from envmgr.server.kit.common.preconditions import tag_of
from envmgr.server.kit.http.errors import problems
from envmgr.server.kit.http.params import DEFAULT, Cursor, Limit, like, sortable
from envmgr.server.kit.http.requests import Asked, allow_only, call_of, paging_of, posted
from envmgr.server.kit.http.responses import answered, listed, shown
from envmgr.server.version import api_usage
from envmgr.server.version.tag_routes import require_exact, slashed

if TYPE_CHECKING:
    from envmgr.server.contracts.ports import Versions


Ref = Annotated[
    str,
    Parameter(
        min_length=1,
        max_length=100,
        schema_extra={"examples": ["shop"]},
        description="An app's id or name.",
    ),
]
VersionId = Annotated[int, Parameter(ge=1, le=LARGEST, description="A version's id.")]
TagName = Annotated[str, like(Tag, "A version's tag; its slashes may be sent as `%2F`, or as they are.")]
OfApp = Annotated[int | None, like(Id, "Of the app with this id.")]
OfRef = Annotated[
    str | None, Parameter(min_length=1, max_length=100, description="Of this app: its id or name.")
]
OfTag = Annotated[str | None, like(Tag, "With this tag.")]
OfCommit = Annotated[str | None, like(Commit, "Built from this commit.")]
OfGitRef = Annotated[str | None, like(Line, "Built from this branch or tag, as it was said.")]
OfLock = Annotated[str | None, like(Digest, "Built with the lock that has this digest.")]
Sort = Annotated[str | None, sortable("id", "tag", "created_at", "updated_at")]
_TAGS = ["versions"]
_READ: dict[str, Any] = {"tags": _TAGS, "opt": {"needs": "versions:read"}}
_WRITE: dict[str, Any] = {"tags": _TAGS, "opt": {"needs": "versions:write"}}
_SENT = (404, 409, 413, 415, 422)
_CREATED = {201: ResponseSpec(Version, generate_examples=False, description="It was not there, and now is.")}


def routes(versions: Versions) -> list[Any]:
    """Make the handlers."""
    return [*_collection(versions), *_item(versions), *_of_app(versions), *api_usage.routes(versions)]


def _collection(versions: Versions) -> list[Any]:
    @post(
        "/versions",
        operation_id="createVersion",
        summary="Register a version",
        responses=problems(*_SENT),
        **_WRITE,
    )
    async def create(request: Asked, data: JSONBody[VersionNew]) -> Response[Version]:
        answer = await versions.create(await posted(request), str(data.app_id), data.tag, _said(data))
        return answered(answer, _address(answer.value), tag_of(answer.value))

    @get("/versions", operation_id="listVersions", summary="List versions", responses=problems(404), **_READ)
    async def listing(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: Asked,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: Sort = None,
        app_id: OfApp = None,
        app: OfRef = None,
        tag: OfTag = None,
        commit: OfCommit = None,
        ref: OfGitRef = None,
        lock_digest: OfLock = None,
    ) -> Response[list[Version]]:
        filters: dict[str, str | int | None] = {
            "app_id": app_id,
            "app": app,
            "tag": tag,
            "commit": commit,
            "ref": ref,
            "lock_digest": lock_digest,
        }
        paging = paging_of(request, limit, cursor, sort, **filters)
        return listed(request, await versions.list(call_of(request), paging))

    return [create, listing]


def _item(versions: Versions) -> list[Any]:
    @get(
        "/versions/{version_id:int}",
        operation_id="getVersion",
        summary="Show a version",
        responses=problems(404),
        **_READ,
    )
    async def show(request: Asked, version_id: VersionId) -> Response[Version]:
        found = await versions.get(call_of(request), version_id)
        return shown(request, found, tag_of(found))

    @get(
        "/versions/{version_id:int}/lock",
        operation_id="getVersionLock",
        summary="Show the lock that a version was built with",
        responses=problems(404),
        **_READ,
    )
    async def lock(request: Asked, version_id: VersionId) -> Response[Lock]:
        found = await versions.lock(call_of(request), version_id)
        return shown(request, found, _tag(found))

    @put(
        "/versions/{version_id:int}",
        operation_id="putVersion",
        summary="Say all of a version",
        description="What was built (commit, artifacts, lock, `.envmgr`) must be the same; the rest may change.",
        responses=problems(*_SENT, 412, 428),
        **_WRITE,
    )
    async def replace(request: Asked, version_id: VersionId, data: JSONBody[VersionPut]) -> Response[Version]:
        changed = await versions.replace(call_of(request), version_id, data)
        return shown(request, changed, tag_of(changed))

    @patch(
        "/versions/{version_id:int}",
        operation_id="changeVersion",
        summary="Say some of a version",
        responses=problems(404, 412, 413, 415, 428),
        **_WRITE,
    )
    async def change(
        request: Asked, version_id: VersionId, data: JSONBody[VersionChange]
    ) -> Response[Version]:
        changed = await versions.change(call_of(request), version_id, data)
        return shown(request, changed, tag_of(changed))

    @delete(
        "/versions/{version_id:int}",
        operation_id="deleteVersion",
        summary="Delete a version that stands nowhere",
        responses=problems(404, 409, 412, 428),
        **_WRITE,
    )
    async def remove(request: Asked, version_id: VersionId) -> None:
        allow_only(request)
        await versions.delete(call_of(request), version_id)

    return [show, lock, replace, change, remove]


def _of_app(versions: Versions) -> list[Any]:
    @get(
        "/apps/{app:str}/versions",
        operation_id="listAppVersions",
        summary="List the versions of an app",
        responses=problems(404),
        **_READ,
    )
    async def listing(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: Asked,
        app: Ref,
        limit: Limit = DEFAULT,
        cursor: Cursor = None,
        sort: Sort = None,
        tag: OfTag = None,
        commit: OfCommit = None,
        ref: OfGitRef = None,
        lock_digest: OfLock = None,
    ) -> Response[list[Version]]:
        filters = {"tag": tag, "commit": commit, "ref": ref, "lock_digest": lock_digest}
        paging = paging_of(request, limit, cursor, sort, **filters).where(app=app)
        return listed(request, await versions.list(call_of(request), paging))

    @post(
        "/apps/{app:str}/versions",
        operation_id="createAppVersion",
        summary="Register a version of an app",
        responses=problems(*_SENT),
        **_WRITE,
    )
    async def create(request: Asked, app: Ref, data: JSONBody[AppVersionNew]) -> Response[Version]:
        answer = await versions.create(await posted(request), app, data.tag, _said(data))
        return answered(answer, _address(answer.value), tag_of(answer.value))

    @get(
        "/apps/{app:str}/versions/{tag:str}",
        operation_id="getAppVersion",
        summary="Show a version of an app",
        responses=problems(404),
        **_READ,
    )
    async def show(request: Asked, app: Ref, tag: TagName) -> Response[Version]:
        require_exact(request)
        found = await versions.find(call_of(request), app, tag)
        return shown(request, found, tag_of(found))

    @put(
        "/apps/{app:str}/versions/{tag:str}",
        operation_id="putAppVersion",
        summary="Register a version of an app, unless it is there",
        description=(
            "Sent again with the same content (commit, artifacts, lock, `.envmgr`) it answers 200 with what is there, "
            "and changes nothing; with other content it is refused, with both digests."
        ),
        responses={**problems(*_SENT, 412, 428), **_CREATED},
        **_WRITE,
    )
    async def register(
        request: Asked, app: Ref, tag: TagName, data: JSONBody[VersionPut]
    ) -> Response[Version]:
        require_exact(request)
        answer = await versions.put(call_of(request), app, tag, data)
        return answered(answer, _address(answer.value), tag_of(answer.value))

    @get(
        "/apps/{app:str}/versions/{tag:str}/lock",
        operation_id="getAppVersionLock",
        summary="Show the lock that a version of an app was built with",
        responses=problems(404),
        **_READ,
    )
    async def lock(request: Asked, app: Ref, tag: TagName) -> Response[Lock]:
        require_exact(request)
        call = call_of(request)
        version = await versions.find(call, app, tag)
        found = await versions.lock(call, version.id)
        return shown(request, found, _tag(found))

    return [listing, create, show, register, lock, *slashed(show, register, lock)]


def _said(new: VersionNew | AppVersionNew) -> VersionPut:
    """Return what is said of a version, without what names it."""
    return VersionPut(**{name: getattr(new, name) for name in VersionPut.__struct_fields__})


def _address(version: Version) -> str:
    return f"/versions/{version.id}"


def _tag(lock: Lock) -> str:
    return sha256(f"{lock.digest} {lock.dotfile}".encode()).hexdigest()[:32]
