"""Versions: list, show, create, update, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import etag_of, get_int, require_object
from envmgr.kit.errors import AlmError, UsageError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import ListResult, fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.refs import CurrentRef, IdRef, TagRef


@frozen
class Filter:
    """Filter of versions."""

    app: str | None = None
    commit: str | None = None
    lock_digest: str | None = None


def listing(api: Api, filters: Filter, limit: int) -> ListResult:
    """Return versions, newest first."""
    path = "/versions" if filters.app is None else f"{resolve.app_path(filters.app)}/versions"
    return fetch(api, path, {"commit": filters.commit, "lock_digest": filters.lock_digest}, limit)


def create(api: Api, ref: TagRef, fields: Mapping[str, object]) -> Document:
    """Register a version of an app."""
    return require_object(api.post(f"{resolve.app_path(ref.app)}/versions", {"tag": ref.tag, **fields}))


def update(api: Api, ref: TagRef | IdRef | CurrentRef, change: Mapping[str, str | None]) -> Document:
    """Update the given fields of a version."""
    version = resolve.find_version(api, ref)
    fields = {name: value for name, value in change.items() if value is not None}
    return require_object(api.patch(f"/versions/{get_int(version, 'id')}", fields, etag=etag_of(version)))


def delete(api: Api, version: Document) -> None:
    """Delete a version."""
    api.delete(f"/versions/{get_int(version, 'id')}", etag=etag_of(version))


def toolchain(lock: str | None, dotfile: str | None) -> dict[str, object]:
    """Return the `toolchain` field of a request: a lock file, verbatim, and its `.envmgr`."""
    if lock is None:
        if dotfile is not None:
            raise UsageError("--dotfile requires --lock", "pass --lock FILE")
        return {}
    return {"toolchain": {"lock": _text(lock), "dotfile": "" if dotfile is None else _text(dotfile)}}


def _text(path: str) -> str:
    content = read_bytes(path)
    if content is None:
        raise AlmError(f"file {path} not found", "pass an existing file")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise AlmError(f"{path} is not UTF-8 text", "pass a lock that `envmgr lock` wrote") from None
