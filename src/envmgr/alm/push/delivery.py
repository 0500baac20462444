"""Idempotent delivery of a push to the server."""

from __future__ import annotations

from envmgr.alm.client.fields import require_object
from envmgr.alm.client.transport import path_segment
from envmgr.alm.push import content_conflict
from envmgr.kit.errors import AlmConflict, AlmNotFound
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.client.transport import ApiResponse
    from envmgr.alm.push.spool import SpooledPush

_CREATED_STATUS = 201
_MISMATCH_KIND = "version-content-mismatch"
_EXISTS_KIND = "already-exists"


@frozen
class PushResult:
    """The version on the server; whether it and its app were created."""

    version: Document
    is_new: bool
    is_new_app: bool


def push_version(api: Api, push: SpooledPush) -> PushResult:
    """Register a version, and its app on first use; raise AlmConflict if the tag has different content."""
    path = f"/apps/{path_segment(push.app)}/versions/{path_segment(push.tag)}"
    is_new_app = False
    try:
        response = _put(api, path, push)
    except AlmNotFound:
        is_new_app = _register(api, push.app)
        response = _put(api, path, push)
    return PushResult(require_object(response.document), response.status == _CREATED_STATUS, is_new_app)


def _register(api: Api, app: str) -> bool:
    """Register an app; return False if it was created concurrently."""
    try:
        api.post("/apps", {"name": app})
    except AlmConflict as error:
        if error.kind != _EXISTS_KIND:
            raise
        return False
    return True


def _put(api: Api, path: str, push: SpooledPush) -> ApiResponse:
    try:
        return api.put(path, push.body)
    except AlmConflict as error:
        if error.kind != _MISMATCH_KIND:
            raise
        raise _mismatch_error(push, error) from None


def _mismatch_error(push: SpooledPush, error: AlmConflict) -> AlmConflict:
    return AlmConflict(
        content_conflict.message(f"{push.app}@{push.tag}", error.members),
        "tags are immutable: pass another --tag, or push the commit and lock that are registered",
        kind=error.kind,
        members=error.members,
    )
