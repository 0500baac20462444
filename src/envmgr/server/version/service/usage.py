"""Use case of tool usage: three lists, paged together, with total counts."""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, Struct

from envmgr.server.contracts.fields import MAX_SAFE_INTEGER
from envmgr.server.contracts.resources import ToolUse, Usage, UsageCounts
from envmgr.server.kit.common.problems import InvalidFields
from envmgr.server.version.domain import range_matching
from envmgr.server.version.store import placements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.server.kit.db.sql import Reader
    from envmgr.server.version.store.placements import PlacementFilter
    from envmgr.versions import Spec


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """The query; `apps`, if set, limits it to these apps."""

    tool: str
    spec: Spec
    environment: str | None
    apps: frozenset[int] | None
    limit: int
    cursor: str | None


_Storable = Annotated[str, Meta(pattern=r"^[^\0]*$")]
"""Text without NUL, which not every database stores."""


class _Position(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last position of a list that was returned."""

    tool_version: _Storable
    environment: _Storable
    app_id: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]

    @property
    def as_key(self) -> tuple[str, int]:
        return self.environment, self.app_id


_FIRST = ("", 0)
"""The position before every environment and app."""


class _Cursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The position in each list, and the query; a finished list is positioned after its end."""

    query_hash: str
    matches: _Position | None = None
    unknown: _Position | None = None
    without_lock: _Position | None = None


def find_usage(reader: Reader, query: UsageQuery) -> Usage:
    """Return the placements that a range affects; raise InvalidFields for a cursor of another query."""
    cursor = _read(query)
    scope = placements.PlacementFilter(
        query.environment, None if query.apps is None else tuple(sorted(query.apps))
    )
    counts = placements.count(reader, scope, query.tool)
    verdicts = {version: range_matching.match(query.spec, version) for version in counts}
    of = {kind: [v for v, verdict in verdicts.items() if verdict == kind] for kind in ("matches", "unknown")}
    lists = {
        "matches": _list_matches(reader, scope, query, of["matches"], cursor.matches),
        "unknown": _list_matches(reader, scope, query, of["unknown"], cursor.unknown),
        "without_lock": _list_without_lock(reader, scope, query, cursor.without_lock),
    }
    cut = {name: tuple(uses[: query.limit]) for name, uses in lists.items()}
    more = any(len(uses) > query.limit for uses in lists.values())
    return Usage(
        tool=query.tool,
        range=query.spec.text,
        counts=UsageCounts(
            matches=sum(counts[version] for version in of["matches"]),
            unknown=sum(counts[version] for version in of["unknown"]),
            without_lock=placements.count_without_lock(reader, scope),
        ),
        **cut,
        next=_write(cursor, cut) if more else UNSET,
    )


def _list_matches(
    reader: Reader,
    placement_filter: PlacementFilter,
    query: UsageQuery,
    versions: Iterable[str],
    after: _Position | None,
) -> list[ToolUse]:
    """Return placements by tool version, oldest first; one more than the limit, if it exists."""
    results: list[ToolUse] = []
    for version in range_matching.sort_versions(versions):
        if after and range_matching.sort_key(version) < range_matching.sort_key(after.tool_version):
            continue
        begin = after.as_key if after and version == after.tool_version else _FIRST
        remaining = query.limit + 1 - len(results)
        results += placements.with_tool_version(
            reader, placement_filter, query.tool, version, begin, remaining
        )
        if len(results) > query.limit:
            break
    return results


def _list_without_lock(
    reader: Reader, placement_filter: PlacementFilter, query: UsageQuery, after: _Position | None
) -> list[ToolUse]:
    return placements.without_lock(
        reader, placement_filter, after.as_key if after else _FIRST, query.limit + 1
    )


def _read(query: UsageQuery) -> _Cursor:
    query_hash = _fingerprint(query)
    if query.cursor is None:
        return _Cursor(query_hash)
    text = query.cursor
    try:
        decoded = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        cursor = msgspec.json.decode(decoded, type=_Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidFields(
            "invalid cursor", errors=[("?cursor", "use the cursor from a Link header")]
        ) from None
    if cursor.query_hash != query_hash:
        raise InvalidFields(
            "cursor belongs to a different query",
            errors=[("?cursor", "omit the cursor to start over")],
        )
    return cursor


def _write(cursor: _Cursor, pages: dict[str, tuple[ToolUse, ...]]) -> str:
    last = {name: _last(uses) or getattr(cursor, name) for name, uses in pages.items()}
    return urlsafe_b64encode(msgspec.json.encode(_Cursor(cursor.query_hash, **last))).decode().rstrip("=")


def _last(uses: Sequence[ToolUse]) -> _Position | None:
    return _Position(uses[-1].tool_version or "", uses[-1].environment, uses[-1].app_id) if uses else None


def _fingerprint(query: UsageQuery) -> str:
    key = msgspec.json.encode((query.tool, query.spec.text, query.environment))
    return hashlib.sha256(key).hexdigest()[:12]
