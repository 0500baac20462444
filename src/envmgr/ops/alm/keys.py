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
"""Keys never change until they are revoked."""

_PERMISSION_HINT = (
    "API keys require an interactive login (`envmgr alm login`) and cannot exceed your own permissions "
    "(`envmgr alm whoami`)"
)


@frozen
class KeyOptions:
    """Options of a key; without `apps` for all apps, without `seconds` without expiry."""

    name: str
    scopes: tuple[str, ...]
    apps: tuple[str, ...] = ()
    seconds: int | None = None


def listing(api: Api, limit: int) -> ListResult:
    """Return the caller's keys, newest first; for an admin all keys."""
    return fetch(api, "/auth/keys", {}, limit)


def create(api: Api, key_options: KeyOptions) -> Document:
    """Create a key; only this result has the secret, in `key`.

    Raise AlmNotFound for an unknown app.
    """
    body: dict[str, object] = {"name": key_options.name, "scopes": list(key_options.scopes)}
    if key_options.apps:
        body["apps"] = [_app(api, ref) for ref in key_options.apps]
    if key_options.seconds is not None:
        body["expires_in"] = key_options.seconds
    try:
        return require_object(api.post("/auth/keys", body))
    except Forbidden as error:
        error.hint = _PERMISSION_HINT
        raise


def _app(api: Api, ref: str) -> str:
    try:
        return get_name(resolve.find_app(api, ref), "name")
    except AlmNotFound as error:
        create_hint = f"run `envmgr alm apps create {ref}` to register it"
        suggestion = error.hint if error.hint and "did you mean" in error.hint else None
        error.hint = f"{suggestion} {create_hint}" if suggestion else create_hint
        raise


def show(api: Api, key_id: int) -> Document:
    """Return a key without its secret."""
    try:
        return require_object(api.get(f"/auth/keys/{key_id}"))
    except AlmNotFound as error:
        error.hint = "run `envmgr alm keys list` to list them"
        raise


def revoke(api: Api, key: Document) -> None:
    """Revoke a key immediately and permanently."""
    api.delete(f"/auth/keys/{get_int(key, 'id')}", {}, etag=IMMUTABLE_ETAG)
