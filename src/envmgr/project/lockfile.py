"""`.envmgr.lock`: what requests came to and every platform's archive, as values, changes to them, and text.

All of it is pure: the same inputs give the same bytes, whatever the order, the platform or the machine.
`lockreader` reads the text back.
"""

from __future__ import annotations

from envmgr.kit.errors import DigestMismatch, LockfileError
from envmgr.kit.frozen import frozen, replace
from envmgr.project.request import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.catalog.release import Artifact
    from envmgr.kit.digest import Digest

__all__ = [
    "EMPTY",
    "FORMAT",
    "Locked",
    "Lockfile",
    "check_signature",
    "diff",
    "key",
    "prune",
    "record_digest",
    "render",
    "url_problem",
    "with_release",
]

FORMAT = 1
SCHEMES = ("https", "http", "pypi", "npm", "file")
MAX_URL_LENGTH = 4_096


@frozen
class Locked:
    """One version: the digest of the manifest that described it, and by platform its archives.

    `signatures` says by platform what must be verified besides the digest (`{"kind": "minisign", "key": "…"}`;
    several keys, of which any one will do, are separated by blanks).
    """

    plugin: str
    artifacts: Mapping[str, Artifact]
    signatures: Mapping[str, Mapping[str, str]] = {}


@frozen
class Lockfile:
    """Versions by request (`nodejs@^20.1`), and what is locked by tool and version.

    `seed` is the simple form somebody wrote by hand (`{"nodejs": "20.1.0"}`): versions to prefer at the next lock,
    which has no place for them.
    """

    resolved: Mapping[str, str] = {}
    tools: Mapping[str, Mapping[str, Locked]] = {}
    seed: Mapping[str, str] = {}

    def version_of(self, request: str) -> str | None:
        """Return the version a request (spelled by `key`) is locked to."""
        return self.resolved.get(request)

    def locked(self, tool: str, version: str) -> Locked | None:
        """Return what is locked of a tool's version."""
        return self.tools.get(tool, {}).get(version)

    @property
    def platforms(self) -> tuple[str, ...]:
        """Return every platform the file has an archive for, sorted."""
        entries = (locked for versions in self.tools.values() for locked in versions.values())
        return tuple(sorted({platform for locked in entries for platform in locked.artifacts}))


EMPTY = Lockfile()


def with_release(lock: Lockfile, request: str, version: str, tool: str, locked: Locked) -> Lockfile:
    """Return a lock in which a request means a version.

    Platforms the lock has already for the same version and manifest stay, and so does what was learned of an
    archive that upstream publishes no digest for. Raise DigestMismatch where a digest changed under its URL,
    LockfileError for a URL no lock may hold, and where less would be promised of a signature.
    """
    for artifact in locked.artifacts.values():
        problem = url_problem(artifact.url)
        if problem:
            raise LockfileError(f"{tool} {version} cannot be locked: its URL {problem}", _URL_HINT)
    known = lock.locked(tool, version)
    merged = _merged(known, locked, f"{tool} {version}") if known else locked
    tools = {**lock.tools, tool: {**lock.tools.get(tool, {}), version: merged}}
    seed = {name: preferred for name, preferred in lock.seed.items() if name != tool}
    return Lockfile({**lock.resolved, request: version}, tools, seed)


def prune(lock: Lockfile, wanted: Iterable[str]) -> Lockfile:
    """Return a lock of just the wanted requests and the versions they mean."""
    keys = frozenset(wanted)
    resolved = {request: version for request, version in lock.resolved.items() if request in keys}
    tools = {
        tool: kept
        for tool, versions in lock.tools.items()
        if (kept := {v: locked for v, locked in versions.items() if _is_meant(resolved, tool, v)})
    }
    return Lockfile(resolved, tools, lock.seed)


def record_digest(
    lock: Lockfile, tool: str, version: str, platform: str, digest: Digest, size: int
) -> Lockfile:
    """Return a lock that knows an archive's digest from its first download.

    One that is known already is only compared, so that a lock does not depend on who installed what; raise
    DigestMismatch if it differs, LockfileError if the lock has no such archive.
    """
    locked = lock.locked(tool, version)
    known = locked.artifacts.get(platform) if locked else None
    if locked is None or known is None:
        raise LockfileError(f"the lock has no {tool} {version} for {platform}", "run `envmgr lock`")
    learned = _require_same_digest(
        known, replace(known, digest=digest, size=size), f"{tool} {version} for {platform}"
    )
    if known.digest:
        return lock
    changed = replace(locked, artifacts={**locked.artifacts, platform: learned})
    return replace(lock, tools={**lock.tools, tool: {**lock.tools[tool], version: changed}})


def check_signature(locked: Mapping[str, str] | None, declared: Mapping[str, str] | None, name: str) -> None:
    """Raise LockfileError where a manifest declares less of an archive's signature than is locked."""
    if locked and not _is_at_least_as_strict(declared or {}, locked):
        raise LockfileError(
            f"{name} is locked with {_signed(locked)}, and its manifest declares {_signed(declared)}",
            "find out why the manifest changed before you take the entry out of the lock",
        )


def url_problem(url: str) -> str | None:
    """Say why a URL may not stand in a lock, or None; what is said repeats no credentials."""
    scheme, _, rest = url.partition(":")
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        return "holds what no URL can"
    if scheme not in SCHEMES:
        return f"is none of {', '.join(SCHEMES)}"
    if scheme in {"pypi", "npm"}:
        return None if rest else "names no release"
    authority, _, path = rest.removeprefix("//").partition("/")
    if not rest.startswith("//") or not (path if scheme == "file" else authority):
        return "names no place"
    return "holds credentials" if "@" in authority else None


def render(lock: Lockfile) -> str:
    """Spell a lock as its file does, an archive a line; what a seed prefers has no place in it."""
    resolved = [f"    {_quoted(k)}: {_quoted(v)}" for k, v in sorted(lock.resolved.items())]
    tools = [_rendered_tool(tool, versions) for tool, versions in sorted(lock.tools.items())]
    return (
        f'{{\n  "lockfile": {FORMAT},\n'
        f'  "resolved": {_object(resolved, "  ")},\n'
        f'  "tools": {_object(tools, "  ")}\n}}\n'
    )


def diff(before: Lockfile, after: Lockfile) -> tuple[str, ...]:
    """Say line by line what became of a lock; nothing if both are the same but for a seed."""
    lines = _changes(before.resolved, after.resolved, "")
    for tool in sorted({*before.tools, *after.tools}):
        old, new = before.tools.get(tool, {}), after.tools.get(tool, {})
        lines += _added_removed(old, new, f"{tool} ")
        for version in sorted(old.keys() & new.keys()):
            lines += _release_changes(f"{tool} {version} ", old[version], new[version])
    return tuple(lines)


_URL_HINT = "credentials belong into netrc or the client's own configuration, never into a lock"


def _is_meant(resolved: Mapping[str, str], tool: str, version: str) -> bool:
    return any(v == version and request.startswith(f"{tool}@") for request, v in resolved.items())


def _merged(known: Locked, new: Locked, name: str) -> Locked:
    trusted = {
        platform: _require_same_digest(known.artifacts.get(platform), artifact, f"{name} for {platform}")
        for platform, artifact in new.artifacts.items()
    }
    kept = known.artifacts if known.plugin == new.plugin else {}
    artifacts = {**kept, **trusted}
    return Locked(new.plugin, artifacts, _signatures(known, new, artifacts, name))


def _require_same_digest(known: Artifact | None, new: Artifact, name: str) -> Artifact:
    """Keep what is recorded of an archive under the same URL; refuse another digest for it."""
    if known is None or known.url != new.url or known.digest is None:
        return new
    if new.digest and new.digest.algorithm == known.digest.algorithm and new.digest != known.digest:
        raise DigestMismatch(
            f"{name}: {known.url} is locked as {known.digest}, and now is {new.digest}",
            "a published file was replaced: find out why before you take its entry out of the lock",
        )
    return replace(known, size=known.size if new.size is None else new.size)


def _signatures(
    known: Locked, new: Locked, artifacts: Mapping[str, Artifact], name: str
) -> dict[str, Mapping[str, str]]:
    for platform in new.artifacts:
        check_signature(
            known.signatures.get(platform), new.signatures.get(platform), f"{name} for {platform}"
        )
    both = {**known.signatures, **new.signatures}
    return {platform: signature for platform, signature in both.items() if platform in artifacts}


def _is_at_least_as_strict(declared: Mapping[str, str], locked: Mapping[str, str]) -> bool:
    """Tell whether whatever satisfies what is declared would satisfy what is locked, too."""
    if declared == locked:
        return True
    if any(declared.get(name) != value for name, value in locked.items() if name != "key"):
        return False
    accepted = set(declared.get("key", "").split())
    return "key" not in locked or (bool(accepted) and accepted <= set(locked["key"].split()))


def _signed(signature: Mapping[str, str] | None) -> str:
    if not signature:
        return "no signature"
    return f"a {signature['kind']} signature by {signature.get('key', 'any key')}"


def _rendered_tool(tool: str, versions: Mapping[str, Locked]) -> str:
    rendered = [_rendered_release(version, locked) for version, locked in sorted(versions.items())]
    return f"    {_quoted(tool)}: {_object(rendered, '    ')}"


def _rendered_release(version: str, locked: Locked) -> str:
    artifacts = [
        f"          {_quoted(platform)}: {_inline(_fields(artifact, locked.signatures.get(platform)))}"
        for platform, artifact in sorted(locked.artifacts.items())
    ]
    return (
        f"      {_quoted(version)}: {{\n"
        f'        "plugin": {_quoted(locked.plugin)},\n'
        f'        "artifacts": {_object(artifacts, "        ")}\n'
        "      }"
    )


def _fields(artifact: Artifact, signature: Mapping[str, str] | None) -> dict[str, object]:
    fields: dict[str, object] = {"url": artifact.url}
    if artifact.digest:
        fields[artifact.digest.algorithm] = artifact.digest.value
    if artifact.size is not None:
        fields["size"] = artifact.size
    if signature:
        fields["signature"] = {"kind": signature["kind"], **dict(sorted(signature.items()))}
    return fields


def _object(members: list[str], indent: str) -> str:
    body = ",\n".join(members)
    return f"{{\n{body}\n{indent}}}" if members else "{}"


def _inline(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


_quoted = _inline


def _added_removed(before: Mapping[str, object], after: Mapping[str, object], prefix: str) -> list[str]:
    gone = [f"- {prefix}{name}" for name in sorted(before.keys() - after.keys())]
    return gone + [f"+ {prefix}{name}" for name in sorted(after.keys() - before.keys())]


def _changes(before: Mapping[str, object], after: Mapping[str, object], prefix: str) -> list[str]:
    removed = [f"- {prefix}{name}: {before[name]}" for name in sorted(before.keys() - after.keys())]
    added = [f"+ {prefix}{name}: {after[name]}" for name in sorted(after.keys() - before.keys())]
    common = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
    return [*removed, *added, *(f"~ {prefix}{name}: {before[name]} -> {after[name]}" for name in common)]


def _release_changes(name: str, before: Locked, after: Locked) -> list[str]:
    lines = _changes({"manifest": before.plugin}, {"manifest": after.plugin}, name)
    old, new = before.artifacts, after.artifacts
    lines += _added_removed(old, new, name)
    for platform in sorted(old.keys() & new.keys()):
        was = _fields(old[platform], before.signatures.get(platform))
        lines += _changes(was, _fields(new[platform], after.signatures.get(platform)), f"{name}{platform} ")
    return lines
