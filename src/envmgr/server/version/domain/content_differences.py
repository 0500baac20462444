"""Differences between the content of a version and of a submission under the same tag: pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.lockformat import parser
from envmgr.lockformat.errors import LockFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envmgr.lockformat.model import Locked, Lockfile
    from envmgr.server.contracts.resources import Artifact, LockedTool, LockFile, Version
    from envmgr.server.version.domain.version_model import BuildContent, VersionSubmission

MAX_DIFFERENCES = 20
"""Differences in a problem document; a lock may have thousands."""
MAX_VALUE_CHARS = 300
MAX_COMPARED_LOCK_CHARS = 64 * 2**10
"""Longer locks with the same tool versions are not compared further: both would be parsed in a unit of work."""


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field with its registered and its submitted value; None if it is absent."""

    field: str
    existing: str | None
    submitted: str | None

    def __str__(self) -> str:
        """Return the difference as messages name it."""
        return f"{self.field} is {self.existing or 'none'}, submitted {self.submitted or 'none'}"


def content_differences(
    version: Version, lock_file: LockFile | None, submission: VersionSubmission
) -> tuple[FieldDifference, ...]:
    """Return the fields of immutable content that differ; `lock_file` is that of the version."""
    content = submission.content
    return (
        *_compare("", {"commit": version.commit}, {"commit": content.commit}),
        *_compare("artifacts/", _artifacts(version.artifacts), _artifacts(content.artifacts)),
        *_toolchain_differences(version, lock_file, submission),
        *_dotfile_differences(lock_file, content),
    )[:MAX_DIFFERENCES]


def _compare(
    prefix: str, existing: Mapping[str, str], submitted: Mapping[str, str]
) -> Iterator[FieldDifference]:
    """Yield the names whose values differ, sorted."""
    for name in sorted({*existing, *submitted}):
        before, after = existing.get(name), submitted.get(name)
        if before != after:
            yield FieldDifference(prefix + name, _shorten(before), _shorten(after))


def _shorten(value: str | None) -> str | None:
    if value is None or len(value) <= MAX_VALUE_CHARS:
        return value
    return f"{value[:MAX_VALUE_CHARS]}…"


def _artifacts(artifacts: Iterable[Artifact]) -> dict[str, str]:
    """Return the digests and types by name; URLs are no part of the content."""
    values: dict[str, list[str]] = {}
    for artifact in artifacts:
        value = f"{artifact.digest} ({artifact.type})" if artifact.type else artifact.digest
        values.setdefault(artifact.name, []).append(value)
    return {name: ", ".join(sorted(set(digests))) for name, digests in values.items()}


def _toolchain_differences(
    version: Version, lock_file: LockFile | None, submission: VersionSubmission
) -> Iterator[FieldDifference]:
    """Yield the differences of locks: tool versions, else what else their texts have, and the digests."""
    existing, submitted = version.toolchain.lock_digest, submission.content.lock_digest
    if existing == submitted:
        return
    tools = [
        *_compare("toolchain/tools/", _tools(version.toolchain.tools), _tools(submission.tools)),
    ]
    yield from tools or _lock_differences(lock_file.lock if lock_file else "", submission.lock)
    yield FieldDifference("toolchain/lock_digest", existing, submitted)


def _tools(tools: Iterable[LockedTool]) -> dict[str, str]:
    versions: dict[str, list[str]] = {}
    for tool in tools:
        versions.setdefault(tool.tool, []).append(tool.version)
    return {tool: ", ".join(sorted(tool_versions)) for tool, tool_versions in versions.items()}


def _lock_differences(existing: str, submitted: str) -> list[FieldDifference]:
    """Return the entries that differ; none for locks that differ in form only, are absent or are large."""
    if not (existing and submitted) or max(len(existing), len(submitted)) > MAX_COMPARED_LOCK_CHARS:
        return []
    try:
        locks = parser.parse(existing), parser.parse(submitted)
    except LockFormatError:
        return []
    before, after = (dict(_lock_fields(lock)) for lock in locks)
    return [*_compare("toolchain/lock/", before, after)][: MAX_DIFFERENCES // 2]


def _lock_fields(lock: Lockfile) -> Iterator[tuple[str, str]]:
    for request, version in lock.resolved.items():
        yield f"resolved/{request}", version
    for tool, versions in lock.tools.items():
        for version, locked in versions.items():
            for name, value in _release_fields(locked):
                yield f"tools/{tool}/{version}/{name}", value


def _release_fields(locked: Locked) -> Iterator[tuple[str, str]]:
    yield "plugin", locked.plugin
    for platform, artifact in locked.artifacts.items():
        yield f"{platform}/url", artifact.url
        yield f"{platform}/digest", str(artifact.digest or "none")
        yield f"{platform}/size", str(artifact.size)
    for platform, signature in locked.signatures.items():
        yield f"{platform}/signature", " ".join(sorted(signature.values()))


def _dotfile_differences(lock_file: LockFile | None, content: BuildContent) -> Iterator[FieldDifference]:
    """Yield the lines of `.envmgr` that only one side has; it counts with a lock only."""
    if lock_file is None or content.lock_digest is None or lock_file.dotfile == content.dotfile:
        return
    existing, submitted = lock_file.dotfile.splitlines(), content.dotfile.splitlines()
    before = "; ".join(line for line in existing if line not in submitted)
    after = "; ".join(line for line in submitted if line not in existing)
    if before or after:
        yield FieldDifference("toolchain/dotfile", _shorten(before) or None, _shorten(after) or None)
    else:  # only the order or the line endings differ
        digests = (hashlib.sha256(text.encode()).hexdigest() for text in (lock_file.dotfile, content.dotfile))
        yield FieldDifference("toolchain/dotfile", *(f"sha256:{digest}" for digest in digests))
