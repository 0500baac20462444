"""REST API of versions."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, delete, get, patch, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter

from envmgr.server.contracts import workflows
from envmgr.server.contracts.fields import MAX_SAFE_INTEGER, Commit, Digest, Id, Line, Tag
from envmgr.server.contracts.requests import AppVersionCreate, VersionCreate, VersionPatch, VersionPut
from envmgr.server.contracts.resources import LockFile, Version
from envmgr.server.kit.common.preconditions import etag_of
from envmgr.server.kit.http.canonical_input import OPT_SLASHES_FROM
from envmgr.server.kit.http.errors import problem_responses
from envmgr.server.kit.http.params import DEFAULT_PAGE_SIZE, Cursor, Limit, param_from, sort_param
from envmgr.server.kit.http.request_policy import RequestPolicy
from envmgr.server.kit.http.requests import (
    HttpRequest,
    idempotent_context,
    page_request,
    request_context,
    require_known_params,
)
from envmgr.server.kit.http.responses import page_response, resource_response, result_response
from envmgr.server.version.api import usage
from envmgr.server.version.api.tag_routes import require_exact, slash_tag_routes

if TYPE_CHECKING:
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
VersionId = Annotated[int, Parameter(ge=1, le=MAX_SAFE_INTEGER, description="Version ID.")]
TagName = Annotated[str, param_from(Tag, "Version tag; slashes may be literal or `%2F`.")]
AppIdFilter = Annotated[int | None, param_from(Id, "Filter by app ID.")]
AppFilter = Annotated[
    str | None, Parameter(min_length=1, max_length=100, description="Filter by app ID or name.")
]
TagFilter = Annotated[str | None, param_from(Tag, "Filter by tag.")]
CommitFilter = Annotated[str | None, param_from(Commit, "Filter by commit.")]
GitRefFilter = Annotated[str | None, param_from(Line, "Filter by branch or tag of the build.")]
LockFilter = Annotated[str | None, param_from(Digest, "Filter by lock digest.")]
Sort = Annotated[str | None, sort_param("id", "tag", "created_at", "updated_at")]
_TAGS = ["versions"]
_READ_OPTIONS: dict[str, Any] = {"tags": _TAGS, "opt": {"scope": "versions:read"}}
_WRITE_OPTIONS: dict[str, Any] = {"tags": _TAGS, "opt": {"scope": "versions:write"}}
_TAG_READ_OPTIONS: dict[str, Any] = {
    "tags": _TAGS,
    "opt": {"scope": "versions:read", OPT_SLASHES_FROM: 3},
}
_TAG_WRITE_OPTIONS: dict[str, Any] = {
    "tags": _TAGS,
    "opt": {"scope": "versions:write", OPT_SLASHES_FROM: 3},
}
_BODY_ERRORS = (404, 409, 413, 415, 422)
_CREATED = {201: ResponseSpec(Version, generate_examples=False, description="Created.")}

POLICY = RequestPolicy(body_limits=(("/versions", 7 * 2**20),))
"""A 5 MiB lock file, encoded as a JSON string."""


def routes(versions: Versions, deployments: Deployments) -> list[Any]:
    """Create the route handlers."""
    return [
        *_collection(versions),
        *_item(versions, deployments),
        *_of_app(versions),
        *usage.routes(versions, deployments),
    ]


def _collection(versions: Versions) -> list[Any]:
    @post(
        "/versions",
        operation_id="createVersion",
        summary="Create a version",
        responses=problem_responses(*_BODY_ERRORS),
        **_WRITE_OPTIONS,
    )
    async def create(request: HttpRequest, data: JSONBody[VersionCreate]) -> Response[Version]:
        result = await versions.create(
            await idempotent_context(request), str(data.app_id), data.tag, _version_content(data)
        )
        return result_response(result, _address(result.value), etag_of(result.value))

    @get(
        "/versions",
        operation_id="listVersions",
        summary="List versions",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def listing(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: HttpRequest,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        app_id: AppIdFilter = None,
        app: AppFilter = None,
        tag: TagFilter = None,
        commit: CommitFilter = None,
        ref: GitRefFilter = None,
        lock_digest: LockFilter = None,
    ) -> Response[list[Version]]:
        filters: dict[str, str | int | None] = {
            "app_id": app_id,
            "app": app,
            "tag": tag,
            "commit": commit,
            "ref": ref,
            "lock_digest": lock_digest,
        }
        paging = page_request(request, limit, cursor, sort, **filters)
        return page_response(request, await versions.list(request_context(request), paging))

    return [create, listing]


def _item(versions: Versions, deployments: Deployments) -> list[Any]:
    @get(
        "/versions/{version_id:int}",
        operation_id="getVersion",
        summary="Get a version",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def show(request: HttpRequest, version_id: VersionId) -> Response[Version]:
        result = await versions.get(request_context(request), version_id)
        return resource_response(request, result, etag_of(result))

    @get(
        "/versions/{version_id:int}/lock",
        operation_id="getVersionLock",
        summary="Get the lock file of a version",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def lock(request: HttpRequest, version_id: VersionId) -> Response[LockFile]:
        result = await versions.lock(request_context(request), version_id)
        return resource_response(request, result, _tag(result))

    @put(
        "/versions/{version_id:int}",
        operation_id="putVersion",
        summary="Replace a version",
        description="Build content (commit, artifacts, lock, `.envmgr`) must be unchanged.",
        responses=problem_responses(*_BODY_ERRORS, 412, 428),
        **_WRITE_OPTIONS,
    )
    async def replace(
        request: HttpRequest, version_id: VersionId, data: JSONBody[VersionPut]
    ) -> Response[Version]:
        changed = await versions.replace(request_context(request), version_id, data)
        return resource_response(request, changed, etag_of(changed))

    @patch(
        "/versions/{version_id:int}",
        operation_id="changeVersion",
        summary="Update a version",
        responses=problem_responses(404, 412, 413, 415, 428),
        **_WRITE_OPTIONS,
    )
    async def change(
        request: HttpRequest, version_id: VersionId, data: JSONBody[VersionPatch]
    ) -> Response[Version]:
        changed = await versions.update(request_context(request), version_id, data)
        return resource_response(request, changed, etag_of(changed))

    @delete(
        "/versions/{version_id:int}",
        operation_id="deleteVersion",
        summary="Delete a version that is not deployed",
        responses=problem_responses(404, 409, 412, 428),
        **_WRITE_OPTIONS,
    )
    async def remove(request: HttpRequest, version_id: VersionId) -> None:
        require_known_params(request)
        await workflows.delete_version(versions, deployments, request_context(request), version_id)

    return [show, lock, replace, change, remove]


def _of_app(versions: Versions) -> list[Any]:
    @get(
        "/apps/{app:str}/versions",
        operation_id="listAppVersions",
        summary="List the versions of an app",
        responses=problem_responses(404),
        **_READ_OPTIONS,
    )
    async def listing(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: HttpRequest,
        app: Ref,
        limit: Limit = DEFAULT_PAGE_SIZE,
        cursor: Cursor = None,
        sort: Sort = None,
        tag: TagFilter = None,
        commit: CommitFilter = None,
        ref: GitRefFilter = None,
        lock_digest: LockFilter = None,
    ) -> Response[list[Version]]:
        filters = {"tag": tag, "commit": commit, "ref": ref, "lock_digest": lock_digest}
        paging = page_request(request, limit, cursor, sort, **filters).with_filters(app=app)
        return page_response(request, await versions.list(request_context(request), paging))

    @post(
        "/apps/{app:str}/versions",
        operation_id="createAppVersion",
        summary="Create a version of an app",
        responses=problem_responses(*_BODY_ERRORS),
        **_WRITE_OPTIONS,
    )
    async def create(request: HttpRequest, app: Ref, data: JSONBody[AppVersionCreate]) -> Response[Version]:
        result = await versions.create(
            await idempotent_context(request), app, data.tag, _version_content(data)
        )
        return result_response(result, _address(result.value), etag_of(result.value))

    @get(
        "/apps/{app:str}/versions/{tag:str}",
        operation_id="getAppVersion",
        summary="Get a version of an app",
        responses=problem_responses(404),
        **_TAG_READ_OPTIONS,
    )
    async def show(request: HttpRequest, app: Ref, tag: TagName) -> Response[Version]:
        require_exact(request)
        result = await versions.find(request_context(request), app, tag)
        return resource_response(request, result, etag_of(result))

    @put(
        "/apps/{app:str}/versions/{tag:str}",
        operation_id="putAppVersion",
        summary="Register a version (idempotent)",
        description=(
            "Re-sending identical content (commit, artifacts, lock, `.envmgr`) returns 200; different content returns "
            "409 with both digests."
        ),
        responses={**problem_responses(*_BODY_ERRORS, 412, 428), **_CREATED},
        **_TAG_WRITE_OPTIONS,
    )
    async def register(
        request: HttpRequest, app: Ref, tag: TagName, data: JSONBody[VersionPut]
    ) -> Response[Version]:
        require_exact(request)
        result = await versions.upsert(request_context(request), app, tag, data)
        return result_response(result, _address(result.value), etag_of(result.value))

    @get(
        "/apps/{app:str}/versions/{tag:str}/lock",
        operation_id="getAppVersionLock",
        summary="Get the lock file of a version of an app",
        responses=problem_responses(404),
        **_TAG_READ_OPTIONS,
    )
    async def lock(request: HttpRequest, app: Ref, tag: TagName) -> Response[LockFile]:
        require_exact(request)
        context = request_context(request)
        version = await versions.find(context, app, tag)
        result = await versions.lock(context, version.id)
        return resource_response(request, result, _tag(result))

    return [listing, create, show, register, lock, *slash_tag_routes(show, register, lock)]


def _version_content(new: VersionCreate | AppVersionCreate) -> VersionPut:
    """Return a version's state without its app and tag."""
    return VersionPut(**{name: getattr(new, name) for name in VersionPut.__struct_fields__})


def _address(version: Version) -> str:
    return f"/versions/{version.id}"


def _tag(lock: LockFile) -> str:
    return sha256(f"{lock.digest} {lock.dotfile}".encode()).hexdigest()[:32]
