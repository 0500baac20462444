"""Bringing a push to the server, so that however often it is tried there is one version."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envmgr.alm.client.errors import plain
from envmgr.alm.client.fields import require_object
from envmgr.kit.errors import AlmConflict, AlmNotFound
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.client.transport import ApiResponse
    from envmgr.alm.push.spool import SpooledPush

_CREATED = 201
_MISMATCH = "version-content-mismatch"
_EXISTS = "already-exists"


@frozen
class PushResult:
    """A version as the server has it now; whether it, and its app, are new there."""

    version: Document
    is_new: bool
    is_new_app: bool


def push_version(api: Api, parcel: SpooledPush) -> PushResult:
    """Register a version, and its app if there is none; raise AlmConflict if its tag stands for something else."""
    path = f"/apps/{quote(parcel.app, safe='')}/versions/{quote(parcel.tag, safe='')}"
    is_new_app = False
    try:
        answer = _put(api, path, parcel)
    except AlmNotFound:
        is_new_app = _register(api, parcel.app)
        answer = _put(api, path, parcel)
    return PushResult(require_object(answer.document), answer.status == _CREATED, is_new_app)


def _register(api: Api, app: str) -> bool:
    """Register an app; tell whether it was us and not somebody at the same moment."""
    try:
        api.post("/apps", {"name": app})
    except AlmConflict as error:
        if error.kind != _EXISTS:
            raise
        return False
    return True


def _put(api: Api, path: str, parcel: SpooledPush) -> ApiResponse:
    try:
        return api.put(path, parcel.body)
    except AlmConflict as error:
        if error.kind != _MISMATCH:
            raise
        raise _mismatch(parcel, error) from None


def _mismatch(parcel: SpooledPush, error: AlmConflict) -> AlmConflict:
    have, sent = (
        plain(str(error.members.get(name, "?"))) for name in ("existing_digest", "submitted_digest")
    )
    return AlmConflict(
        f"{parcel.app}@{parcel.tag} is registered with other content: the server has {have}, and this is {sent}",
        "a tag names one build for good: push this one with another --tag",
        kind=error.kind,
        members=error.members,
    )
