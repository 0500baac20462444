"""The audit log: read, followed, kept in a file, and verified here, not where it is stored."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from envmgr.alm.audit import export, verify
from envmgr.alm.client.fields import get_int, get_str, require_object
from envmgr.kit.audit_log import checkpoint as checkpoints_of
from envmgr.kit.errors import AlmError, Forbidden, StorageError
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.fs import read_text, replace_file, write_in_place
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import MAX_PAGE_SIZE, ListResult, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.audit.verify import Report
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

ANONYMOUS = "anonymous"
"""The actor of what nobody signed in did."""


@frozen
class Filter:
    """Which entries are meant."""

    actor: str | None = None
    event_type: str | None = None
    resource: str | None = None

    def matches(self, entry: Document) -> bool:
        """Tell whether an entry is meant."""
        return all(
            wanted is None or get_str(entry, name) == wanted
            for name, wanted in (
                ("actor", self.actor),
                ("event_type", self.event_type),
                ("resource", self.resource),
            )
        )


@frozen
class Exported:
    """How much of a log is in a file now."""

    path: str
    entries: int
    checkpoints: int


@frozen
class Saved:
    """A checkpoint that was kept; `is_fresh`: the server signed it just now."""

    path: str
    checkpoint: Document
    is_new: bool


def normalize(api: Api, which: Filter) -> Filter:
    """Return a filter as the log spells it: a bare name is a user's, or an app's; raise AlmNotFound for no app."""
    actor, resource = which.actor, which.resource
    if actor and ":" not in actor and actor != ANONYMOUS:
        actor = f"user:{actor}"
    if resource and "/" not in resource:
        resource = f"app/{get_int(resolve.find_app(api, resource), 'id')}"
    return replace(which, actor=actor, resource=resource)


def listing(api: Api, which: Filter, limit: int) -> ListResult:
    """Return entries, oldest first: the newest `limit` of them."""
    query = {"actor": which.actor, "event_type": which.event_type, "resource": which.resource}
    found = fetch(api, "/audits", query, limit)
    return ListResult(tuple(reversed(found.items)), found.more)


def head(api: Api) -> int:
    """Return the number of the newest entry, 0 where there is none."""
    newest = fetch(api, "/audits", {}, 1).items
    return get_int(newest[0], "seq") if newest else 0


def follow(api: Api, which: Filter, after: int) -> Iterator[Document]:
    """Give entries as they come, for as long as somebody listens."""
    return (entry for entry in api.follow("/audit/events", after) if which.matches(entry))


def verify_server(api: Api, kept: Sequence[Document]) -> Report:
    """Read the whole log from the server, and hold it against itself and what was kept."""
    checkpoints = _checkpoints(api)  # before the entries, so that none speaks of entries not read
    return verify.verify(_entries(api), checkpoints, kept)


def verify_file(path: str, kept: Sequence[Document]) -> Report:
    """Read an exported log, and hold it against itself and what was kept; no server is asked."""
    try:
        with open(path, "rb") as file:
            checkpoints = tuple(export.checkpoints(file))
            file.seek(0)
            return verify.verify(export.entries(file), checkpoints, kept)
    except OSError as error:
        raise StorageError(
            f"cannot read {path}: {error.strerror}", "`envmgr alm audit --export FILE` writes such a file"
        ) from None


def export_to(api: Api, path: str) -> Exported:
    """Write the whole log to a file, which is there when it is complete, or to what else stands there."""
    if os.path.isdir(path):
        raise StorageError(f"{path} is a directory", "name a file in it: --export DIR/audit.jsonl")
    checkpoints, count = _checkpoints(api), 0
    with replace_file(path) as file:
        for entry in _entries(api):
            file.write(export.line(entry))
            count += 1
        file.writelines(export.line(one) for one in checkpoints)
    return Exported(path, count, len(checkpoints))


def read_checkpoints(path: str) -> tuple[Document, ...]:
    """Return the checkpoints in a file: one, or a list of them."""
    content = read_text(path)
    if content is None:
        raise AlmError(f"there is no file {path}", "`envmgr alm audit --save-checkpoint FILE` makes one")
    found = _parsed(content, path)
    listed_ones = found if isinstance(found, list) else [found]
    if not listed_ones or not all(isinstance(one, dict) and "signature" in one for one in listed_ones):
        raise AlmError(f"{path} holds no checkpoint", "`envmgr alm audit --save-checkpoint FILE` makes one")
    return tuple(listed_ones)


def save_checkpoint(api: Api, path: str) -> Saved:
    """Have the server sign where the log stands, or take its newest checkpoint, and add it to those in the file."""
    kept = read_checkpoints(path) if os.path.isfile(path) else ()
    checkpoint, is_fresh = _newest(api)
    problem = checkpoints_of.verify_error(checkpoint, str(kept[0].get("public_key")) if kept else None)
    if problem:
        raise AlmError(
            f"the server's checkpoint is not to be believed: {problem}",
            f"`envmgr alm audit --verify --checkpoint {path}` tells more" if kept else None,
        )
    others = [one for one in kept if get_int(one, "seq") != get_int(checkpoint, "seq")]
    write_in_place(path, json.dumps([*others, checkpoint], indent=2) + "\n")
    return Saved(path, checkpoint, is_fresh)


def _newest(api: Api) -> tuple[Document, bool]:
    try:
        return require_object(api.post("/audit/checkpoints", {})), True
    except Forbidden:
        newest = fetch(api, "/audit/checkpoints", {}, 1).items
    if not newest:
        raise AlmError(
            "the server has signed no checkpoint yet, and only an administrator can ask for one",
            "ask one to run `envmgr alm audit --save-checkpoint FILE`, or try again in an hour",
        )
    return newest[0], False


def _checkpoints(api: Api) -> tuple[Document, ...]:
    """Return the server's checkpoints, oldest first."""
    return tuple(reversed(fetch(api, "/audit/checkpoints", {}, 0).items))


def _entries(api: Api) -> Iterator[Document]:
    return (require_object(one) for one in api.items("/audits", {"sort": "seq", "limit": MAX_PAGE_SIZE}))


def _parsed(content: str, path: str) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise AlmError(
            f"{path} is not JSON", "`envmgr alm audit --save-checkpoint FILE` makes a file of checkpoints"
        ) from None
