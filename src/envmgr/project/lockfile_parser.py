"""Reading `.envmgr.lock` strictly: a lock that is not quite what envmgr writes is an error, never a guess."""

from __future__ import annotations

from envmgr.catalog.release import Artifact
from envmgr.kit import digest as digests
from envmgr.kit import fast_json
from envmgr.kit.errors import LockfileError
from envmgr.kit.frozen import frozen
from envmgr.project.lockfile import FORMAT, Locked, Lockfile, url_problem
from envmgr.project.request import is_tool, split_key
from envmgr.versions import is_folder_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from envmgr.kit.digest import Digest

    T = TypeVar("T")

MAX_SIZE_BYTES = 2**53 - 1
_SHOWN = 60
_RESTORE = "restore it from version control, or remove it, and run `envmgr lock`"
_CONFLICT = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
_ALGORITHMS = tuple(digests.LENGTHS)


@frozen
class _JsonLocation:
    """A place in the file: its path, and the way to the value inside it."""

    file: str
    steps: tuple[str, ...] = ()

    def down(self, step: str) -> _JsonLocation:
        return _JsonLocation(self.file, (*self.steps, step))

    def error(self, problem: str, hint: str = _RESTORE) -> LockfileError:
        where = f" {'.'.join(map(_step, self.steps))}:" if self.steps else ""
        return LockfileError(f"{self.file}:{where} {problem}", hint)


def parse(text: str, path: str) -> Lockfile:
    """Read a lock's text; raise LockfileError, which names the path given and the place in the text."""
    at = _JsonLocation(path)
    table = _table(_load(text.removeprefix("\ufeff"), at), at)
    if "lockfile" not in table:
        return Lockfile(seed=_each(table, at, is_tool, _seeded_version))
    _check_format(table["lockfile"], at.down("lockfile"))
    _check_fields(table, ("lockfile", "resolved", "tools"), at)
    tools = _each(table.get("tools", {}), at.down("tools"), is_tool, _versions)
    resolved = _each(table.get("resolved", {}), at.down("resolved"), _is_request, _version)
    _check_resolved(resolved, tools, at.down("resolved"))
    return Lockfile(resolved, tools)


def _load(text: str, at: _JsonLocation) -> object:
    if not text.strip():
        raise at.error("is empty")
    try:
        return fast_json.loads(text, _unique(at))
    except RecursionError:
        raise at.error("is nested too deeply") from None
    except ValueError as error:
        raise _not_json(error, text, at) from None


def _unique(at: _JsonLocation) -> Callable[[list[tuple[str, object]]], dict[str, object]]:
    def table(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise at.error(f"has {_short(twice)} twice in one place")
        return found

    return table


def _not_json(error: ValueError, text: str, at: _JsonLocation) -> LockfileError:
    """Say why a text is not JSON: a merge conflict, a cut, or whatever `json.JSONDecodeError` says and where."""
    conflict = next((n for n, line in enumerate(text.split("\n"), 1) if line.startswith(_CONFLICT)), None)
    if conflict:
        return _JsonLocation(f"{at.file}:{conflict}").error(
            "a merge conflict was left here",
            "settle .envmgr first, take either side of this file "
            "(`git checkout --ours -- .envmgr.lock`), then run `envmgr lock`",
        )
    message, position = getattr(error, "msg", None), getattr(error, "pos", 0)
    if message is None:
        return at.error("holds a number that is too long")  # which Python does not convert
    where = _JsonLocation(f"{at.file}:{getattr(error, 'lineno', 1)}:{getattr(error, 'colno', 1)}")
    cut = position >= len(text.rstrip()) or message.startswith("Unterminated string")
    return where.error("ends in the middle: the file was cut off" if cut else f"is not JSON: {message}")


def _check_format(number: object, at: _JsonLocation) -> None:
    if type(number) is not int or number < 1:
        raise at.error(f"{_short(number)} is not the number of a format")
    if number > FORMAT:
        from envmgr.kit.distribution import DISTRIBUTION

        raise at.error(
            f"format {_short(number)} was written by a newer envmgr, this one reads {FORMAT}",
            f"update envmgr (`pipx upgrade {DISTRIBUTION}`, or as you installed it)",
        )


def _check_resolved(
    resolved: Mapping[str, str], tools: Mapping[str, Mapping[str, Locked]], at: _JsonLocation
) -> None:
    for request, version in resolved.items():
        tool, _ = split_key(request)
        if version not in tools.get(tool, {}):
            raise at.down(request).error(
                f"{version} is not among the versions of {tool}", "run `envmgr lock`"
            )


def _versions(value: object, at: _JsonLocation) -> Mapping[str, Locked]:
    return _each(value, at, is_folder_name, _locked)


def _locked(value: object, at: _JsonLocation) -> Locked:
    table = _table(value, at)
    _check_fields(table, ("plugin", "artifacts"), at, needed=("plugin", "artifacts"))
    plugin = _text(table["plugin"], at.down("plugin"))
    if not plugin.startswith("sha256:"):
        raise at.down("plugin").error(f"{_short(plugin)} is not the digest of a manifest")
    _digest(plugin.removeprefix("sha256:"), "sha256", at.down("plugin"))
    read = _each(table["artifacts"], at.down("artifacts"), _is_platform, _artifact)
    artifacts = {platform: artifact for platform, (artifact, _) in read.items()}
    return Locked(
        plugin, artifacts, {platform: signature for platform, (_, signature) in read.items() if signature}
    )


def _artifact(value: object, at: _JsonLocation) -> tuple[Artifact, Mapping[str, str]]:
    table = _table(value, at)
    _check_fields(table, ("url", *_ALGORITHMS, "size", "signature"), at, needed=("url",))
    url = _text(table["url"], at.down("url"))
    problem = url_problem(url)
    if problem:
        raise at.down("url").error(f"the URL {problem}")
    size = _size(table["size"], at.down("size")) if "size" in table else None
    signature = _signature(table["signature"], at.down("signature")) if "signature" in table else {}
    return Artifact(url, _digest_of(table, at), size), signature


def _digest_of(table: Mapping[str, object], at: _JsonLocation) -> Digest | None:
    named = [algorithm for algorithm in _ALGORITHMS if algorithm in table]
    if len(named) > 1:
        raise at.error(f"has {' and '.join(named)}, where one digest is meant")
    if not named:
        return None
    at = at.down(named[0])
    return _digest(_text(table[named[0]], at), named[0], at)


def _digest(text: str, algorithm: str, at: _JsonLocation) -> Digest:
    try:
        digest = digests.parse(text, algorithm)
    except ValueError:
        raise at.error(f"{_short(text)} is not a {algorithm} digest") from None
    if text != digest.value:
        raise at.error(f"{_short(text)} is not a {algorithm} digest as locks spell it")
    return digest


def _size(value: object, at: _JsonLocation) -> int:
    if type(value) is int and 0 <= value <= MAX_SIZE_BYTES:
        return value
    raise at.error(f"{_short(value)} is not a number of bytes")


def _signature(value: object, at: _JsonLocation) -> Mapping[str, str]:
    signature = _each(value, at, lambda name: name.isidentifier() and name.isascii(), _text)
    if "kind" not in signature:
        raise at.error("has no kind")
    return signature


def _seeded_version(value: object, at: _JsonLocation) -> str:
    if not isinstance(value, str):
        raise at.error(
            f"{_short(value)} is no version, and there is no `lockfile` number at the top of the file",
            'write {"nodejs": "20.1.0"}, or run `envmgr lock`, which writes the file',
        )
    return _version(value, at)


def _version(value: object, at: _JsonLocation) -> str:
    text = _text(value, at)
    if not is_folder_name(text):
        raise at.error(f"{_short(text)} cannot be a version")
    return text


def _is_platform(text: str) -> bool:
    """Tell whether a key is made as platforms' are; those of a newer envmgr are kept."""
    words = text.split("-")
    return len(words) in {2, 3} and all(
        word.isascii() and word.isalnum() and word.islower() for word in words
    )


def _is_request(text: str) -> bool:
    tool, spec = split_key(text)
    return is_tool(tool) and bool(spec) and spec.isascii() and spec.isprintable() and spec == spec.strip()


def _each(
    value: object,
    at: _JsonLocation,
    is_name: Callable[[str], bool],
    read: Callable[[object, _JsonLocation], T],
) -> dict[str, T]:
    """Read every member of an object, each name of which must be fit."""
    found = {}
    for name, member in _table(value, at).items():
        if not is_name(name):
            raise at.error(f"{_short(name)} cannot stand here")
        found[name] = read(member, at.down(name))
    return found


def _check_fields(
    table: Mapping[str, object], known: tuple[str, ...], at: _JsonLocation, needed: tuple[str, ...] = ()
) -> None:
    for name in needed:
        if name not in table:
            raise at.error(f"has no {name}")
    for name in table:
        if name not in known:
            raise at.error(f"has a field {_short(name)}, which this envmgr does not know")


def _table(value: object, at: _JsonLocation) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise at.error(f"{_short(value)} is not an object")


def _text(value: object, at: _JsonLocation) -> str:
    if isinstance(value, str):
        return value
    raise at.error(f"{_short(value)} is not a string")


def _step(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _short(name)


def _short(value: object) -> str:
    """Show a value as JSON does, cut where it is long; what could not be printed is escaped."""
    import json

    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    shown = json.dumps(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
