"""Reading which tools a lock (`.envmgr.lock`) pins, strictly: what is not quite a lock is refused, with the place.

Nothing of a toolchain is taken from the caller but the lock's own text. Pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from envmgr.server.contracts.fields import MAX_SAFE_INTEGER
from envmgr.server.contracts.resources import LockedTool
from envmgr.server.version.domain.version_model import LockDigestMismatch, invalid_lock
from envmgr.versions import is_folder_name, sort

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")
JsonPath = tuple[str, ...]
FORMAT = 1
MAX_BYTES = 5 * 2**20
MAX_TOOLS = 2_000

_TOOL = r"(?:[a-z0-9][a-z0-9._+-]*|[a-z0-9][a-z0-9-]*:@?[A-Za-z0-9_][\w.+~-]*(?:/[A-Za-z0-9_][\w.+~-]*)*)"
_IS_TOOL = re.compile(rf"(?=.{{1,200}}\Z){_TOOL}", re.ASCII)
_IS_REQUEST = re.compile(rf"({_TOOL})@([!-~](?:[ -~]{{0,1022}}[!-~])?)", re.ASCII)
_IS_PLATFORM = re.compile(r"(?=.{1,60}\Z)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+){1,2}")

_Manifest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
_AUTHORITY = "[!-.0-?A-~]"
_Url = Annotated[
    str,
    Meta(
        max_length=4_096,
        pattern=rf"^(https?://{_AUTHORITY}+(/[!-~]*)?|file://{_AUTHORITY}*/[!-~]+|(pypi|npm):[!-~]+)$(?!\n)",
    ),
]
"""No lock holds credentials (an `@` before the path)."""


class _Artifact(Struct, frozen=True, forbid_unknown_fields=True):
    url: _Url
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | UnsetType = UNSET
    sha384: Annotated[str, Meta(pattern="^[0-9a-f]{96}$")] | UnsetType = UNSET
    sha512: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")] | UnsetType = UNSET
    sha1: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")] | UnsetType = UNSET
    size: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)] | UnsetType = UNSET
    signature: dict[str, str] | UnsetType = UNSET

    def __post_init__(self) -> None:
        digests = (self.sha256, self.sha384, self.sha512, self.sha1)
        if sum(digest is not UNSET for digest in digests) > 1:
            raise ValueError("has several digests, where one is meant")
        if self.signature is not UNSET and "kind" not in self.signature:
            raise ValueError("has a signature without a kind")


class _Locked(Struct, frozen=True, forbid_unknown_fields=True):
    plugin: _Manifest
    artifacts: dict[str, object]


def digest_of(lock: str, algorithm: str = "sha256") -> str:
    """Digest a lock as it was sent: `sha256:…` of its UTF-8."""
    return f"{algorithm}:{hashlib.new(algorithm, lock.encode()).hexdigest()}"


def check_digest(lock: str, sent: str | None) -> None:
    """Raise LockDigestMismatch unless a digest that came with a lock, if any did, is the lock's."""
    if sent is None:
        return
    computed = digest_of(lock, sent.partition(":")[0])
    if computed != sent:
        raise LockDigestMismatch(
            f"the lock that came has the digest {computed}, not {sent}: it was changed on its way",
            errors=[("/toolchain/lock_digest", f"the lock's is {computed}")],
            submitted_digest=sent,
            computed=computed,
        )


def read(lock: str) -> tuple[LockedTool, ...]:
    """Return the tools that a lock pins, sorted; raise UnreadableLock, which names the place."""
    if len(lock.encode()) > MAX_BYTES:
        raise invalid_lock((), f"has more than {MAX_BYTES // 2**20} MiB")
    table = _table(_load(lock.removeprefix("\ufeff")), ())
    pinned = _parse_full(table) if "lockfile" in table else _parse_short_form(table)
    if len(pinned) > MAX_TOOLS:
        raise invalid_lock((), f"pins {len(pinned):,} versions of tools, more than {MAX_TOOLS:,}")
    return tuple(pinned)


def _parse_full(table: Mapping[str, object]) -> list[LockedTool]:
    """Read a lock that envmgr wrote."""
    _check_format(table["lockfile"])
    for name in table:
        if name not in {"lockfile", "resolved", "tools"}:
            raise invalid_lock((), f"has a field {_quote(name)}, which is unknown here")
    platforms = _tools(_table(table.get("tools", {}), ("tools",)))
    requests = _requests(_table(table.get("resolved", {}), ("resolved",)), platforms)
    return [
        LockedTool(
            tool=tool,
            version=version,
            requests=tuple(sorted(requests.get((tool, version), ()))),
            platforms=tuple(sorted(versions[version])),
        )
        for tool, versions in sorted(platforms.items())
        for version in sort(versions)
    ]


def _parse_short_form(table: Mapping[str, object]) -> list[LockedTool]:
    """Read the simple form, which somebody wrote by hand: `{"nodejs": "20.1.0"}`."""
    for tool, version in table.items():
        _check_tool(tool, ())
        _check_version(version, (tool,))
    return [
        LockedTool(tool=tool, version=str(version), requests=(), platforms=())
        for tool, version in sorted(table.items())
    ]


def _check_format(number: object) -> None:
    if type(number) is not int or number < 1:
        raise invalid_lock(("lockfile",), f"{_quote(number)} is not the number of a format")
    if number > FORMAT:
        raise invalid_lock(
            ("lockfile",),
            f"format {number} was written by a newer envmgr: this server reads {FORMAT}, update it",
        )


def _tools(table: Mapping[str, object]) -> dict[str, dict[str, Sequence[str]]]:
    """Return by tool and version the platforms there are archives for."""
    found: dict[str, dict[str, Sequence[str]]] = {}
    for tool, versions in table.items():
        _check_tool(tool, ("tools",))
        found[tool] = {}
        for version, locked in _table(versions, ("tools", tool)).items():
            _check_version(version, ("tools", tool))
            found[tool][version] = _platforms(locked, ("tools", tool, version))
    return found


def _platforms(value: object, path: JsonPath) -> Sequence[str]:
    locked = _convert(value, _Locked, path)
    for platform, artifact in locked.artifacts.items():
        if not _IS_PLATFORM.fullmatch(platform):
            raise invalid_lock((*path, "artifacts"), f"{_quote(platform)} is not the name of a platform")
        _convert(artifact, _Artifact, (*path, "artifacts", platform))
    return list(locked.artifacts)


def _requests(
    table: Mapping[str, object], tools: Mapping[str, Mapping[str, object]]
) -> dict[tuple[str, str], list[str]]:
    """Return by tool and version the requests that came to it."""
    found: dict[tuple[str, str], list[str]] = {}
    for request, version in table.items():
        match = _IS_REQUEST.fullmatch(request)
        if match is None:
            raise invalid_lock(("resolved",), f"{_quote(request)} is not a request, as `nodejs@^20.1` is")
        known = _check_version(version, ("resolved", request))
        if known not in tools.get(match[1], ()):
            raise invalid_lock(("resolved", request), f"{known} is not among the versions of {match[1]}")
        found.setdefault((match[1], known), []).append(request)
    return found


def _check_tool(name: str, path: JsonPath) -> None:
    if not _IS_TOOL.fullmatch(name):
        raise invalid_lock(path, f"{_quote(name)} is not the name of a tool")


def _check_version(version: object, path: JsonPath) -> str:
    if not isinstance(version, str) or not is_folder_name(version):
        raise invalid_lock(path, f"{_quote(version)} is not a version")
    return version


def _load(text: str) -> object:
    if not text.strip():
        raise invalid_lock((), "is empty")
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_refuse)
    except RecursionError:
        raise invalid_lock((), "is nested too deeply") from None
    except ValueError as error:
        raise invalid_lock((), f"is not JSON: {error}") from None


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise invalid_lock((), f"has {_quote(name)} twice in one place")
        found[name] = value
    return found


def _refuse(constant: str) -> NoReturn:
    raise invalid_lock((), f"is not JSON: {constant} is no number")


def _table(value: object, path: JsonPath) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise invalid_lock(path, f"{_quote(value)} is not an object")


def _convert(value: object, kind: type[T], path: JsonPath) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem, _, inner = str(error).partition(" - at `$.")
        steps = inner.rstrip("`").split(".") if inner else ()
        raise invalid_lock((*path, *steps), problem) from None


def _quote(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    shown = json.dumps(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"  # noqa: PLR2004 - enough to recognise it
