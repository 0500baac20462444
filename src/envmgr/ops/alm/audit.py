"""The audit log: list, follow, export, and verify locally."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from envmgr.alm.audit import export, verify
from envmgr.alm.client.fields import get_int, get_str, require_object
from envmgr.kit import unique_json
from envmgr.kit.audit_log import checkpoint as checkpoint_rules
from envmgr.kit.errors import AlmError, AlmNotFound, Forbidden, StorageError
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
"""The actor of unauthenticated requests."""
_ENVIRONMENT_PREFIX = "environment/"
_CHECKPOINT_HINT = "run `envmgr alm audit --save-checkpoint FILE` to save one"


@frozen
class Filter:
    """Filter of entries."""

    actor: str | None = None
    event_type: str | None = None
    resource: str | None = None

    def is_match(self, entry: Document) -> bool:
        """Return whether an entry matches."""
        return (
            self.actor in {None, get_str(entry, "actor")}
            and self.event_type in {None, get_str(entry, "event_type")}
            and (self.resource is None or _is_at_or_below(get_str(entry, "resource"), self.resource))
        )


def _is_at_or_below(resource: str, ancestor: str) -> bool:
    if ancestor.startswith(_ENVIRONMENT_PREFIX):
        return resource.lower() == ancestor.lower()
    return resource == ancestor or resource.startswith(f"{ancestor}/")


@frozen
class Exported:
    """An exported log."""

    path: str
    entries: int
    checkpoints: int


@frozen
class Saved:
    """A saved checkpoint; `is_new`: the server signed it for this request."""

    path: str
    checkpoint: Document
    is_new: bool


def normalize(api: Api, filters: Filter) -> Filter:
    """Return a filter in the log's form (`user:ada`, `app/7`); raise AlmNotFound for an unknown app."""
    actor, resource = filters.actor, filters.resource
    if actor and ":" not in actor and actor != ANONYMOUS:
        actor = f"user:{actor}"
    if resource:
        resource = _with_app_id(api, resource)
    return replace(filters, actor=actor, resource=resource)


def _with_app_id(api: Api, resource: str) -> str:
    """Return a resource with its app's ID in place of the name: `shop`, `app/shop`, `app/shop/version/3`."""
    if "/" not in resource:
        resource = f"app/{resource}"
    kind, name, *below = resource.split("/")
    if kind != "app" or not name or name.isdigit():
        return resource
    return "/".join([kind, str(get_int(resolve.find_app(api, name), "id")), *below])


def listing(api: Api, filters: Filter, limit: int) -> ListResult:
    """Return the latest `limit` entries, oldest first."""
    query = {"actor": filters.actor, "event_type": filters.event_type, "resource": filters.resource}
    result = fetch(api, "/audits", query, limit)
    return ListResult(tuple(reversed(result.items)), result.more)


def head(api: Api) -> int:
    """Return the sequence number of the latest entry, 0 for an empty log."""
    latest = fetch(api, "/audits", {}, 1).items
    return get_int(latest[0], "seq") if latest else 0


def follow(api: Api, filters: Filter, after: int) -> Iterator[Document]:
    """Return an endless iterator of matching entries as they arrive."""
    return (entry for entry in api.follow("/audit/events", after) if filters.is_match(entry))


def verify_server(api: Api, saved: Sequence[Document]) -> Report:
    """Verify the server's log against itself and saved checkpoints; dead letters are a finding."""
    checkpoints = _checkpoints(api)  # before the entries, so that none covers entries that were not read
    return verify.verify(_entries(api), checkpoints, saved, lambda: _dead_letters(api))


def verify_export(api: Api, path: str, saved: Sequence[Document]) -> Report:
    """Verify a log that was exported from a server just now, like the server's."""
    return verify_file(path, saved, _dead_letters(api))


def verify_file(path: str, saved: Sequence[Document], dead_letters: int | None = None) -> Report:
    """Verify an exported log against itself and saved checkpoints; sends no request.

    `dead_letters` applies unless the export states a number.
    """
    try:
        with open(path, "rb") as file:
            checkpoints, exported_count = export.read_trailer(file)
            file.seek(0)
            count = dead_letters if exported_count is None else exported_count
            return verify.verify(export.entries(file), checkpoints, saved, lambda: count)
    except OSError as error:
        raise StorageError(
            f"cannot read {path}: {error.strerror}",
            "run `envmgr alm audit --export FILE` to create an export",
        ) from None


def export_to(api: Api, path: str) -> Exported:
    """Write the whole log to a file, atomically if it is a regular one."""
    if os.path.isdir(path):
        raise StorageError(f"{path} is a directory", "pass a file path: --export DIR/audit.jsonl")
    checkpoints, count = _checkpoints(api), 0
    with replace_file(path) as file:
        for entry in _entries(api):
            file.write(export.line(entry))
            count += 1
        file.writelines(export.line(checkpoint) for checkpoint in checkpoints)
        file.write(export.dead_letters_line(_dead_letters(api) or 0))
    return Exported(path, count, len(checkpoints))


def read_checkpoints(path: str) -> tuple[Document, ...]:
    """Return the checkpoints in a file: one, a list of them, or one a line, as a server publishes them."""
    content = read_text(path)
    if content is None:
        raise AlmError(f"file {path} not found", _CHECKPOINT_HINT)
    document = _parse_lines(content) or _parse(content, path)
    checkpoints = document if isinstance(document, list) else [document]
    if not checkpoints or not all(isinstance(item, dict) and "signature" in item for item in checkpoints):
        raise AlmError(f"no checkpoint in {path}", _CHECKPOINT_HINT)
    return tuple(checkpoints)


def save_checkpoint(api: Api, path: str) -> Saved:
    """Add a new checkpoint of the server, or its latest one, to those in a file."""
    saved = read_checkpoints(path) if os.path.isfile(path) else ()
    checkpoint, is_new = _latest_checkpoint(api)
    error = checkpoint_rules.verify_error(checkpoint, str(saved[0].get("public_key")) if saved else None)
    if error:
        raise AlmError(
            f"invalid server checkpoint: {error}",
            f"run `envmgr alm audit --verify --checkpoint {path}` for details" if saved else None,
        )
    others = [other for other in saved if get_int(other, "seq") != get_int(checkpoint, "seq")]
    write_in_place(path, json.dumps([*others, checkpoint], indent=2) + "\n")
    return Saved(path, checkpoint, is_new)


def _latest_checkpoint(api: Api) -> tuple[Document, bool]:
    try:
        return require_object(api.post("/audit/checkpoints", {})), True
    except Forbidden:
        latest = fetch(api, "/audit/checkpoints", {}, 1).items
    if not latest:
        raise AlmError(
            "no checkpoint exists yet, and only admins can create one",
            "ask an admin to run `envmgr alm audit --save-checkpoint FILE`, or retry in an hour",
        )
    return latest[0], False


def _checkpoints(api: Api) -> tuple[Document, ...]:
    """Return the server's checkpoints, oldest first."""
    return tuple(reversed(fetch(api, "/audit/checkpoints", {}, 0).items))


def _dead_letters(api: Api) -> int | None:
    """Return how many events the server could not record; None if the server is too old to report it."""
    try:
        return get_int(require_object(api.get("/audit/stats")), "dead_letters")
    except AlmNotFound:
        return None


def _entries(api: Api) -> Iterator[Document]:
    return (require_object(item) for item in api.items("/audits", {"sort": "seq", "limit": MAX_PAGE_SIZE}))


def _parse_lines(content: str) -> list[object]:
    """Return the checkpoints of a file with one a line, or none for another format.

    Lines after the first one that were written in part are left out.
    """
    documents: list[object] = []
    for number, line in enumerate(content.strip().splitlines()):
        with suppress(ValueError, RecursionError):
            document = unique_json.loads(line)
            if isinstance(document, dict) and "signature" in document:
                documents.append(document)
        if number == 0 and not documents:
            return []
    return documents


def _parse(content: str, path: str) -> object:
    try:
        return unique_json.loads(content)
    except unique_json.DuplicateKeyError as error:
        raise AlmError(f"{path} has a {error}", _CHECKPOINT_HINT) from None
    except (ValueError, RecursionError):
        raise AlmError(f"{path} is not JSON", _CHECKPOINT_HINT) from None
