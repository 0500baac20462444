"""Changes to a lock's values: adding releases, pruning, recording digests, comparing, without I/O."""

from __future__ import annotations

from envmgr.kit.errors import DigestMismatch, LockfileError
from envmgr.kit.frozen import replace
from envmgr.lockformat.model import Locked, Lockfile
from envmgr.lockformat.urls import url_problem
from envmgr.lockformat.writer import artifact_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envmgr.kit.digest import Digest
    from envmgr.lockformat.model import Artifact


def with_release(lock: Lockfile, request: str, version: str, tool: str, locked: Locked) -> Lockfile:
    """Return a lock with a request resolved to a version and its archives.

    Archives of other platforms for the same version and manifest are kept, as are recorded digests of archives
    that upstream publishes none for. Raise DigestMismatch if the digest of a URL changed, LockfileError for a URL
    that is not allowed in a lock or a weaker signature.
    """
    for artifact in locked.artifacts.values():
        problem = url_problem(artifact.url)
        if problem:
            raise LockfileError(f"cannot lock {tool} {version}: URL {problem}", _URL_HINT)
    existing = lock.find(tool, version)
    merged = _merge(existing or Locked(locked.plugin, {}), locked, f"{tool} {version}")
    tools = {**lock.tools, tool: {**lock.tools.get(tool, {}), version: merged}}
    seed = {name: preferred for name, preferred in lock.seed.items() if name != tool}
    return _with_digests_of_urls(Lockfile({**lock.resolved, request: version}, tools, seed))


def prune(lock: Lockfile, requests: Iterable[str]) -> Lockfile:
    """Return a lock with only these request keys and the versions they resolve to."""
    keys = frozenset(requests)
    resolved = {request: version for request, version in lock.resolved.items() if request in keys}
    tools = {
        tool: resolved_versions
        for tool, versions in lock.tools.items()
        if (
            resolved_versions := {
                v: locked for v, locked in versions.items() if _is_resolved(resolved, tool, v)
            }
        )
    }
    return Lockfile(resolved, tools, lock.seed)


def record_digest(
    lock: Lockfile, tool: str, version: str, platform: str, digest: Digest, size: int
) -> Lockfile:
    """Return a lock with an archive's digest recorded from its first download.

    A digest that is already recorded is only compared, so that a lock does not depend on what was installed where.
    Raise DigestMismatch if it differs, LockfileError if the lock has no such archive.
    """
    locked = lock.find(tool, version)
    existing = locked.artifacts.get(platform) if locked else None
    if locked is None or existing is None:
        raise LockfileError(f"{tool} {version} for {platform} is not in the lock", "run `envmgr lock`")
    recorded = _require_same_digest(
        existing, replace(existing, digest=digest, size=size), f"{tool} {version} for {platform}"
    )
    if existing.digest:
        return lock
    changed = replace(locked, artifacts=with_shared_digests({**locked.artifacts, platform: recorded}))
    tools = {**lock.tools, tool: {**lock.tools[tool], version: changed}}
    return _with_digests_of_urls(replace(lock, tools=tools))


def _with_digests_of_urls(lock: Lockfile) -> Lockfile:
    """Return a lock in which archives without a digest have the one of their URL, also from another tool."""
    by_url = _artifacts_by_url(artifact for _, artifact in _artifacts(lock))
    tools = {
        tool: {
            version: replace(locked, artifacts=_with_digests_from(by_url, locked.artifacts))
            for version, locked in versions.items()
        }
        for tool, versions in lock.tools.items()
    }
    return replace(lock, tools=tools)


def check_digests(lock: Lockfile) -> None:
    """Raise DigestMismatch if a URL has several digests of one algorithm, also for different tools."""
    _check_same_digests(_artifacts(lock))


def _artifacts(lock: Lockfile) -> Iterator[tuple[str, Artifact]]:
    """Yield the archives with their names for errors, in the same order for equal locks."""
    for tool, versions in sorted(lock.tools.items()):
        for version, locked in sorted(versions.items()):
            for platform, artifact in sorted(locked.artifacts.items()):
                yield f"{tool} {version} for {platform}", artifact


def with_shared_digests(artifacts: Mapping[str, Artifact]) -> dict[str, Artifact]:
    """Return archives by platform, with the same digest and size wherever the URL is the same.

    Raise DigestMismatch if a URL has several digests of one algorithm.
    """
    ordered = sorted(artifacts.items())
    _check_same_digests(ordered)
    return _with_digests_from(_artifacts_by_url(artifact for _, artifact in ordered), artifacts)


def _check_same_digests(artifacts: Iterable[tuple[str, Artifact]]) -> None:
    first: dict[tuple[str, str], Artifact] = {}
    for name, artifact in artifacts:
        if artifact.digest:
            key = artifact.url, artifact.digest.algorithm
            _require_same_digest(first.setdefault(key, artifact), artifact, name)


def _artifacts_by_url(artifacts: Iterable[Artifact]) -> dict[str, Artifact]:
    """Return the first archive with a digest of each URL."""
    by_url: dict[str, Artifact] = {}
    for artifact in artifacts:
        if artifact.digest:
            by_url.setdefault(artifact.url, artifact)
    return by_url


def _with_digests_from(
    by_url: Mapping[str, Artifact], artifacts: Mapping[str, Artifact]
) -> dict[str, Artifact]:
    return {
        platform: _with_digest_of(by_url.get(artifact.url, artifact), artifact)
        for platform, artifact in artifacts.items()
    }


def _with_digest_of(source: Artifact, artifact: Artifact) -> Artifact:
    if artifact.digest or source.digest is None:
        return artifact
    return replace(
        artifact, digest=source.digest, size=source.size if artifact.size is None else artifact.size
    )


def check_signature(locked: Mapping[str, str] | None, declared: Mapping[str, str] | None, name: str) -> None:
    """Raise LockfileError if a manifest declares a weaker signature of an archive than is locked."""
    if locked and not _is_at_least_as_strict(declared or {}, locked):
        raise LockfileError(
            f"{name}: lock requires {_describe_signature(locked)} but the manifest declares "
            f"{_describe_signature(declared)}",
            "review the manifest change before removing the entry from the lock",
        )


def diff(before: Lockfile, after: Lockfile) -> tuple[str, ...]:
    """Return the changes between two locks, one a line; the seed is ignored."""
    lines = _changes(before.resolved, after.resolved, "")
    for tool in sorted({*before.tools, *after.tools}):
        old, new = before.tools.get(tool, {}), after.tools.get(tool, {})
        lines += _added_removed(old, new, f"{tool} ")
        for version in sorted(old.keys() & new.keys()):
            lines += _release_changes(f"{tool} {version} ", old[version], new[version])
    return tuple(lines)


_URL_HINT = "store credentials in netrc, not in a lock"


def _is_resolved(resolved: Mapping[str, str], tool: str, version: str) -> bool:
    return any(v == version and request.startswith(f"{tool}@") for request, v in resolved.items())


def _merge(existing: Locked, new: Locked, name: str) -> Locked:
    checked = {
        platform: _require_same_digest(existing.artifacts.get(platform), artifact, f"{name} for {platform}")
        for platform, artifact in new.artifacts.items()
    }
    retained = existing.artifacts if existing.plugin == new.plugin else {}
    artifacts = with_shared_digests({**retained, **checked})
    return Locked(new.plugin, artifacts, _signatures(existing, new, artifacts, name))


def _require_same_digest(existing: Artifact | None, new: Artifact, name: str) -> Artifact:
    """Return the recorded archive if the URL is the same; raise DigestMismatch if its digest changed."""
    if existing is None or existing.url != new.url or existing.digest is None:
        return new
    if new.digest and new.digest.algorithm == existing.digest.algorithm and new.digest != existing.digest:
        raise DigestMismatch(
            f"{name}: digest of {existing.url} changed from {existing.digest} to {new.digest}",
            "the published file was replaced: investigate before removing the entry from the lock",
        )
    return replace(existing, size=existing.size if new.size is None else new.size)


def _signatures(
    existing: Locked, new: Locked, artifacts: Mapping[str, Artifact], name: str
) -> dict[str, Mapping[str, str]]:
    for platform in new.artifacts:
        check_signature(
            existing.signatures.get(platform), new.signatures.get(platform), f"{name} for {platform}"
        )
    both = {**existing.signatures, **new.signatures}
    return {platform: signature for platform, signature in both.items() if platform in artifacts}


def _is_at_least_as_strict(declared: Mapping[str, str], locked: Mapping[str, str]) -> bool:
    """Return whether every signature that satisfies the declaration satisfies the lock too."""
    if declared == locked:
        return True
    if any(declared.get(name) != value for name, value in locked.items() if name != "key"):
        return False
    accepted = set(declared.get("key", "").split())
    return "key" not in locked or (bool(accepted) and accepted <= set(locked["key"].split()))


def _describe_signature(signature: Mapping[str, str] | None) -> str:
    if not signature:
        return "no signature"
    return f"a {signature['kind']} signature by {signature.get('key', 'any key')}"


def _added_removed(before: Mapping[str, object], after: Mapping[str, object], prefix: str) -> list[str]:
    removed = [f"- {prefix}{name}" for name in sorted(before.keys() - after.keys())]
    return removed + [f"+ {prefix}{name}" for name in sorted(after.keys() - before.keys())]


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
        was = artifact_fields(old[platform], before.signatures.get(platform))
        lines += _changes(
            was, artifact_fields(new[platform], after.signatures.get(platform)), f"{name}{platform} "
        )
    return lines
