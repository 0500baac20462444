"""Strict parsing of a lock's text: an unknown or malformed value is an error with its JSON path."""

from __future__ import annotations

from envmgr.kit import digest as digests
from envmgr.lockformat.errors import LockFormatError, UnsupportedLockFormat, quote
from envmgr.lockformat.json_text import decode
from envmgr.lockformat.limits import MAX_ARTIFACT_BYTES, check_bytes, check_releases
from envmgr.lockformat.model import FORMAT, Artifact, Locked, Lockfile
from envmgr.lockformat.names import is_key, is_platform, is_tool, split_key
from envmgr.lockformat.urls import url_problem
from envmgr.versions import is_folder_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from envmgr.kit.digest import Digest

    T = TypeVar("T")
    JsonPath = tuple[str, ...]

_ALGORITHMS = tuple(digests.LENGTHS)
_BOM = "\ufeff"
_SHORT_FORM_HINT = 'write {"nodejs": "20.1.0"}, or run `envmgr lock`, which writes the file'


def parse(text: str) -> Lockfile:
    """Parse a lock's text; raise LockFormatError with the JSON path and a hint."""
    check_bytes(len(text) if text.isascii() else len(text.encode(errors="surrogatepass")))
    table = _table(decode(text.removeprefix(_BOM)), ())
    lock = _full(table) if "lockfile" in table else Lockfile(seed=_members(table, (), is_tool, _seed_version))
    check_releases(lock.release_count)
    return lock


def _full(table: Mapping[str, object]) -> Lockfile:
    _check_format(table["lockfile"])
    _check_fields(table, ("lockfile", "resolved", "tools"), ())
    tools = _members(table.get("tools", {}), ("tools",), is_tool, _versions)
    resolved = _members(table.get("resolved", {}), ("resolved",), is_key, _version)
    _check_resolved(resolved, tools)
    return Lockfile(resolved, tools)


def _check_format(number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise LockFormatError(("lockfile",), f"invalid lockfile format {quote(number)}")
    if number > FORMAT:
        raise UnsupportedLockFormat.of(number, FORMAT)


def _check_resolved(resolved: Mapping[str, str], tools: Mapping[str, Mapping[str, Locked]]) -> None:
    for request, version in resolved.items():
        tool, _ = split_key(request)
        if version not in tools.get(tool, {}):
            raise LockFormatError(
                ("resolved", request), f"{version} is not a locked version of {tool}", "run `envmgr lock`"
            )


def _versions(value: object, path: JsonPath) -> Mapping[str, Locked]:
    return _members(value, path, is_folder_name, _parse_locked)


def _parse_locked(value: object, path: JsonPath) -> Locked:
    table = _table(value, path)
    _check_fields(table, ("plugin", "artifacts"), path, required=("plugin", "artifacts"))
    plugin = _manifest_digest(table["plugin"], (*path, "plugin"))
    entries = _members(table["artifacts"], (*path, "artifacts"), is_platform, _artifact)
    artifacts = {platform: artifact for platform, (artifact, _) in entries.items()}
    signatures = {platform: signature for platform, (_, signature) in entries.items() if signature}
    return Locked(plugin, artifacts, signatures)


def _manifest_digest(value: object, path: JsonPath) -> str:
    text = _text(value, path)
    if not text.startswith("sha256:"):
        raise LockFormatError(path, f"invalid manifest digest {quote(text)}")
    _digest(text.removeprefix("sha256:"), "sha256", path)
    return text


def _artifact(value: object, path: JsonPath) -> tuple[Artifact, Mapping[str, str]]:
    table = _table(value, path)
    _check_fields(table, ("url", *_ALGORITHMS, "size", "signature"), path, required=("url",))
    url = _text(table["url"], (*path, "url"))
    problem = url_problem(url)
    if problem:
        raise LockFormatError((*path, "url"), f"URL {problem}")
    size = _size(table["size"], (*path, "size")) if "size" in table else None
    signature = _signature(table["signature"], (*path, "signature")) if "signature" in table else {}
    return Artifact(url, _artifact_digest(table, path), size), signature


def _artifact_digest(table: Mapping[str, object], path: JsonPath) -> Digest | None:
    algorithms = [algorithm for algorithm in _ALGORITHMS if algorithm in table]
    if len(algorithms) > 1:
        raise LockFormatError(path, f"more than one digest ({', '.join(algorithms)})")
    if not algorithms:
        return None
    path = (*path, algorithms[0])
    return _digest(_text(table[algorithms[0]], path), algorithms[0], path)


def _digest(text: str, algorithm: str, path: JsonPath) -> Digest:
    try:
        digest = digests.parse(text, algorithm)
    except ValueError:
        raise LockFormatError(path, f"invalid {algorithm} digest {quote(text)}") from None
    if text != digest.value:
        raise LockFormatError(
            path, f"invalid {algorithm} digest {quote(text)}: expected lower-case hexadecimal"
        )
    return digest


def _size(value: object, path: JsonPath) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ARTIFACT_BYTES:
        return value
    raise LockFormatError(path, f"invalid size {quote(value)}: expected a number of bytes")


def _signature(value: object, path: JsonPath) -> Mapping[str, str]:
    signature = _members(value, path, lambda name: name.isidentifier() and name.isascii(), _encodable_text)
    if "kind" not in signature:
        raise LockFormatError(path, 'missing field "kind"')
    return signature


def _encodable_text(value: object, path: JsonPath) -> str:
    text = _text(value, path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LockFormatError(path, f"lone surrogate in {quote(text)}") from None
    return text


def _seed_version(value: object, path: JsonPath) -> str:
    if not isinstance(value, str):
        raise LockFormatError(
            path,
            f"not a lockfile: no `lockfile` version at the top, and {quote(value)} is not a version",
            _SHORT_FORM_HINT,
        )
    return _version(value, path)


def _version(value: object, path: JsonPath) -> str:
    text = _text(value, path)
    if not is_folder_name(text):
        raise LockFormatError(path, f"invalid version {quote(text)}")
    return text


def _members(
    value: object,
    path: JsonPath,
    is_valid_key: Callable[[str], bool],
    parse_member: Callable[[object, JsonPath], T],
) -> dict[str, T]:
    members = {}
    for name, member in _table(value, path).items():
        if not is_valid_key(name):
            raise LockFormatError(path, f"invalid key {quote(name)}")
        members[name] = parse_member(member, (*path, name))
    return members


def _check_fields(
    table: Mapping[str, object], allowed: tuple[str, ...], path: JsonPath, required: tuple[str, ...] = ()
) -> None:
    for name in required:
        if name not in table:
            raise LockFormatError(path, f'missing field "{name}"')
    for name in table:
        if name not in allowed:
            raise LockFormatError(path, f"unknown field {quote(name)}")


def _table(value: object, path: JsonPath) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise LockFormatError(path, f"expected an object, got {quote(value)}")


def _text(value: object, path: JsonPath) -> str:
    if isinstance(value, str):
        return value
    raise LockFormatError(path, f"expected a string, got {quote(value)}")
