"""API keys: list, create, revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int, get_name, require_object
from envmgr.kit.errors import AlmNotFound, Forbidden
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import ListResult, fetch

if TYPE_CHECKING:
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

IMMUTABLE_ETAG = "1"
"""A key is as it was made until it is revoked."""

_WHO_MAY = (
    "a key is made by who signed in with `envmgr alm login`, and can do no more than they can; "
    "`envmgr alm whoami` shows what that is"
)


@frozen
class KeyOptions:
    """What a key is for; no `apps`: all of them, no `seconds`: until it is revoked."""

    name: str
    scopes: tuple[str, ...]
    apps: tuple[str, ...] = ()
    seconds: int | None = None


def listing(api: Api, limit: int) -> ListResult:
    """Return the caller's keys, newest first; an admin's are everybody's."""
    return fetch(api, "/auth/keys", {}, limit)


def create(api: Api, wish: KeyOptions) -> Document:
    """Make a key, and return what only this answer has: the `key` itself.

    Raise AlmNotFound for an app that is not there: no key could ever have meant it.
    """
    body: dict[str, object] = {"name": wish.name, "scopes": list(wish.scopes)}
    if wish.apps:
        body["apps"] = [_app(api, ref) for ref in wish.apps]
    if wish.seconds is not None:
        body["expires_in"] = wish.seconds
    try:
        return require_object(api.post("/auth/keys", body))
    except Forbidden as error:
        error.hint = _WHO_MAY
        raise


def _app(api: Api, ref: str) -> str:
    try:
        return get_name(resolve.find_app(api, ref), "name")
    except AlmNotFound as error:
        create_it = f"`envmgr alm apps create {ref}` registers it"
        near = error.hint if error.hint and "did you mean" in error.hint else None
        error.hint = f"{near} {create_it}" if near else create_it
        raise


def show(api: Api, key_id: int) -> Document:
    """Return a key, without what opens with it."""
    try:
        return require_object(api.get(f"/auth/keys/{key_id}"))
    except AlmNotFound as error:
        error.hint = "`envmgr alm keys list` shows those there are"
        raise


def revoke(api: Api, key: Document) -> None:
    """Make a key worthless, at once and for good."""
    api.delete(f"/auth/keys/{get_int(key, 'id')}", {}, etag=IMMUTABLE_ETAG)
