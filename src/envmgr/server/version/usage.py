"""Which deployed versions a range of a tool touches: three lists, paged together, each counted whole."""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, Struct

from envmgr.server.contracts.fields import LARGEST
from envmgr.server.contracts.resources import Counts, Usage, Use
from envmgr.server.kit.common.problems import InvalidFields
from envmgr.server.version import placements, range_matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.server.kit.db.sql import Reader
    from envmgr.server.version.placements import Scope
    from envmgr.versions import Spec


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `apps`, where given, are the names of the only apps that may be told of."""

    tool: str
    spec: Spec
    environment: str | None
    apps: frozenset[str] | None
    limit: int
    cursor: str | None


class _Shown(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last place of a list that was shown."""

    tool_version: str
    environment: str
    app_id: Annotated[int, Meta(ge=0, le=LARGEST)]

    @property
    def place(self) -> tuple[str, int]:
        return self.environment, self.app_id


_FIRST = ("", 0)
"""Where places begin: before every environment and app."""


class _Cursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How far each list was shown, and of which question; a list that ended goes on behind its end."""

    asked: str
    matches: _Shown | None = None
    unknown: _Shown | None = None
    without_lock: _Shown | None = None


def answer(reader: Reader, question: Question) -> Usage:
    """Tell which places a range touches. Raise InvalidFields for a cursor of another question."""
    cursor = _read(question)
    scope = placements.Scope(
        question.environment, None if question.apps is None else placements.ids_of(reader, question.apps)
    )
    counts = placements.count(reader, scope, question.tool)
    verdicts = {version: range_matching.judge(question.spec, version) for version in counts}
    of = {kind: [v for v, verdict in verdicts.items() if verdict == kind] for kind in ("matches", "unknown")}
    lists = {
        "matches": _locked(reader, scope, question, of["matches"], cursor.matches),
        "unknown": _locked(reader, scope, question, of["unknown"], cursor.unknown),
        "without_lock": _unlocked(reader, scope, question, cursor.without_lock),
    }
    cut = {name: tuple(uses[: question.limit]) for name, uses in lists.items()}
    more = any(len(uses) > question.limit for uses in lists.values())
    return Usage(
        tool=question.tool,
        range=question.spec.text,
        counts=Counts(
            matches=sum(counts[version] for version in of["matches"]),
            unknown=sum(counts[version] for version in of["unknown"]),
            without_lock=placements.count_unlocked(reader, scope),
        ),
        **cut,
        next=_write(cursor, cut) if more else UNSET,
    )


def _locked(
    reader: Reader, scope: Scope, question: Question, versions: Iterable[str], after: _Shown | None
) -> list[Use]:
    """List places by the version of the tool, oldest first; one more than is to be shown, if there is one."""
    found: list[Use] = []
    for version in range_matching.in_order(versions):
        if after and range_matching.order(version) < range_matching.order(after.tool_version):
            continue
        begin = after.place if after and version == after.tool_version else _FIRST
        room = question.limit + 1 - len(found)
        found += placements.locked_with(reader, scope, question.tool, version, begin, room)
        if len(found) > question.limit:
            break
    return found


def _unlocked(reader: Reader, scope: Scope, question: Question, after: _Shown | None) -> list[Use]:
    return placements.unlocked(reader, scope, after.place if after else _FIRST, question.limit + 1)


def _read(question: Question) -> _Cursor:
    asked = _fingerprint(question)
    if question.cursor is None:
        return _Cursor(asked)
    text = question.cursor
    try:
        decoded = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        cursor = msgspec.json.decode(decoded, type=_Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidFields(
            "the cursor is none of ours", errors=[("?cursor", "take it from a Link header")]
        ) from None
    if cursor.asked != asked:
        raise InvalidFields(
            "the cursor is of another question",
            errors=[("?cursor", "begin again without a cursor to ask otherwise")],
        )
    return cursor


def _write(cursor: _Cursor, shown: dict[str, tuple[Use, ...]]) -> str:
    last = {name: _last(uses) or getattr(cursor, name) for name, uses in shown.items()}
    return urlsafe_b64encode(msgspec.json.encode(_Cursor(cursor.asked, **last))).decode().rstrip("=")


def _last(uses: Sequence[Use]) -> _Shown | None:
    return _Shown(uses[-1].tool_version or "", uses[-1].environment, uses[-1].app_id) if uses else None


def _fingerprint(question: Question) -> str:
    said = msgspec.json.encode((question.tool, question.spec.text, question.environment))
    return hashlib.sha256(said).hexdigest()[:12]
