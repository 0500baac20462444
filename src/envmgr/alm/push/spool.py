"""Pushes that wait on disk for the server: what was to be said, to whom, and no secret."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_object, get_str, require_object
from envmgr.kit.errors import AlmError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import make_dir, read_text, storage_errors, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "envmgr/spooled-push/1"
OWNER_ONLY = 0o600
LOCK = "alm-spool"
_REJECTED_DIR = "refused"


@frozen
class SpooledPush:
    """A push: the server it is for, the version it registers, and the body that says what it is."""

    url: str
    app: str
    tag: str
    body: Mapping[str, object]


def add(directory: str, parcel: SpooledPush) -> str:
    """Keep a parcel, and return its file; one that says the same waits already is enough."""
    body = json.dumps(parcel.body, sort_keys=True)
    same = hashlib.sha256(
        f"{parcel.url}\n{parcel.app}\n{parcel.tag}\n{_identity(parcel)}".encode()
    ).hexdigest()[:16]
    for name in _names(directory):
        if name.endswith(f"-{same}.json"):
            return os.path.join(directory, name)
    path = os.path.join(directory, f"{time.time_ns():020d}-{same}.json")
    content = {
        "schema": SCHEMA,
        "url": parcel.url,
        "app": parcel.app,
        "tag": parcel.tag,
        "body": json.loads(body),
    }
    write_atomic(path, json.dumps(content, indent=2) + "\n", OWNER_ONLY)
    return path


def _identity(parcel: SpooledPush) -> str:
    """Return what makes a version what it is: another run of the same build is the same version."""
    return json.dumps({**parcel.body, "build": None}, sort_keys=True)


def pending(directory: str) -> list[str]:
    """Return the files of what waits, oldest first."""
    return [os.path.join(directory, name) for name in _names(directory)]


def read(path: str) -> SpooledPush:
    """Read a parcel; raise AlmError for a file that holds none."""
    found = _document(path)
    return SpooledPush(
        get_str(found, "url"), get_str(found, "app"), get_str(found, "tag"), get_object(found, "body")
    )


def remove(path: str) -> None:
    """Forget a parcel: it was delivered."""
    with storage_errors(path):
        os.unlink(path)


def reject(path: str, reason: str) -> str:
    """Put aside what no server will ever take, and why in a file beside it; return where it is now."""
    directory = make_dir(os.path.join(os.path.dirname(path), _REJECTED_DIR))
    aside = os.path.join(directory, os.path.basename(path))
    write_atomic(f"{aside}.reason", f"{reason}\n", OWNER_ONLY)
    with storage_errors(aside):
        os.replace(path, aside)
    return aside


def _names(directory: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(".json") and name[0] != ".")
    except (FileNotFoundError, NotADirectoryError):
        return []


def _document(path: str) -> Mapping[str, object]:
    try:
        return require_object(json.loads(read_text(path) or ""))
    except (ValueError, RecursionError):
        raise AlmError(
            f"{path} cannot be read: it is not what `envmgr alm push --spool` writes", "remove it"
        ) from None
