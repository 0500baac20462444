"""Spool of queued pushes on disk: server and content of each, without credentials."""

from __future__ import annotations

import json
import os
import time

from envmgr.alm.client.fields import get_object, get_str, require_object
from envmgr.kit.digest import sha256_of
from envmgr.kit.errors import AlmError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import list_names, make_dir, read_text, storage_errors, write_atomic
from envmgr.kit.http.urls import server_identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "envmgr/spooled-push/1"
OWNER_ONLY_MODE = 0o600
LOCK_NAME = "alm-spool"
_REJECTED_DIR = "rejected"


@frozen
class SpooledPush:
    """A push: its server, the version that it registers, and the request body."""

    url: str
    app: str
    tag: str
    body: Mapping[str, object]


def add(directory: str, push: SpooledPush) -> str:
    """Store a push and return its file; an identical queued push is re-used."""
    body = json.dumps(push.body, sort_keys=True)
    identity = f"{server_identity(push.url)}\n{push.app}\n{push.tag}\n{_identity(push)}"
    digest = sha256_of(identity.encode())[:16]
    for name in _names(directory):
        if name.endswith(f"-{digest}.json"):
            return os.path.join(directory, name)
    path = os.path.join(directory, f"{time.time_ns():020d}-{digest}.json")
    content = {
        "schema": SCHEMA,
        "url": push.url,
        "app": push.app,
        "tag": push.tag,
        "body": json.loads(body),
    }
    write_atomic(path, json.dumps(content, indent=2) + "\n", OWNER_ONLY_MODE)
    return path


def _identity(push: SpooledPush) -> str:
    """Return the identity of a push: another run of the same build is the same version."""
    return json.dumps({**push.body, "build": None}, sort_keys=True)


def pending(directory: str) -> list[str]:
    """Return the files of queued pushes, oldest first."""
    return [os.path.join(directory, name) for name in _names(directory)]


def read(path: str) -> SpooledPush:
    """Return the push in a file; raise AlmError if the file is invalid."""
    document = _document(path)
    return SpooledPush(
        get_str(document, "url"),
        get_str(document, "app"),
        get_str(document, "tag"),
        get_object(document, "body"),
    )


def remove(path: str) -> None:
    """Delete a delivered push."""
    with storage_errors(path):
        os.unlink(path)


def reject(path: str, reason: str) -> str:
    """Move a permanently rejected push, write the reason next to it, and return its new path."""
    directory = make_dir(os.path.join(os.path.dirname(path), _REJECTED_DIR))
    target = os.path.join(directory, os.path.basename(path))
    write_atomic(f"{target}.reason", f"{reason}\n", OWNER_ONLY_MODE)
    with storage_errors(target):
        os.replace(path, target)
    return target


def _names(directory: str) -> list[str]:
    return sorted(name for name in list_names(directory) if name.endswith(".json") and name[0] != ".")


def _document(path: str) -> Mapping[str, object]:
    try:
        return require_object(json.loads(read_text(path) or ""))
    except (ValueError, RecursionError):
        raise AlmError(f"invalid spool file {path}", "remove it and run `envmgr alm push` again") from None
