"""Rules of versions: pure."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.kit.audit_log.canonical_json import canonicalize
from envmgr.lockformat.errors import UnsupportedLockFormat
from envmgr.server.contracts.events.version import ToolchainSummary, ToolVersion
from envmgr.server.contracts.problems import InvalidLock, VersionContentMismatch
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.common.problems import AlreadyExists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.lockformat.errors import LockFormatError
    from envmgr.server.contracts.events.version import VersionData
    from envmgr.server.contracts.requests import VersionPatch, VersionPut
    from envmgr.server.contracts.resources import Artifact, Build, LockedTool, Toolchain, Version
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.version.domain.content_differences import FieldDifference

MAX_SUMMARIZED_DIFFERENCES = 3
"""Differences in the detail of a problem; its member `differences` has more."""


@dataclass(frozen=True, slots=True)
class BuildContent:
    """The immutable content of a version."""

    commit: str
    artifacts: tuple[Artifact, ...]
    lock_digest: str | None
    dotfile: str

    @property
    def digest(self) -> str:
        """Return the content digest, independent of the order and URLs of artifacts."""
        content = {
            "commit": self.commit,
            "artifacts": sorted([item.name, item.digest, item.type] for item in self.artifacts),
            "lock": self.lock_digest,
            "dotfile": _sha256(self.dotfile.encode()) if self.lock_digest else None,
        }
        return _sha256(canonicalize(content))


@dataclass(frozen=True, slots=True)
class VersionMetadata:
    """The mutable metadata of a version: a push of the same content from another CI run updates it."""

    changelog: str
    ref: str
    build: Build


@dataclass(frozen=True, slots=True)
class VersionSubmission:
    """A submitted version with its parsed lock."""

    content: BuildContent
    metadata: VersionMetadata
    lock: str
    tools: tuple[LockedTool, ...]


def build_submission(
    put: VersionPut, lock_digest: str | None, tools: tuple[LockedTool, ...]
) -> VersionSubmission:
    """Return the submission of a request."""
    submitted = put.toolchain
    return VersionSubmission(
        content=BuildContent(
            commit=put.commit,
            artifacts=normalize_artifacts(put.artifacts),
            lock_digest=lock_digest,
            dotfile=submitted.dotfile if submitted else "",
        ),
        metadata=VersionMetadata(changelog=put.changelog, ref=put.ref, build=put.build),
        lock=submitted.lock if submitted else "",
        tools=tools,
    )


def invalid_lock(error: LockFormatError) -> InvalidLock:
    """Return the problem for a lock that cannot be parsed, with the JSON path and what to do."""
    hint = "update this server" if isinstance(error, UnsupportedLockFormat) else error.hint
    return InvalidLock(f"{error.describe('.envmgr.lock')}; {hint}", errors=[("/toolchain/lock", str(error))])


def tag_taken(app: str, tag: str, differences: Sequence[FieldDifference], *, can_read: bool) -> AlreadyExists:
    """Return the problem for a tag in use; registered values are included if the caller can read them."""
    message = f"version {app}@{tag} already exists with"
    if not differences:
        return AlreadyExists(f"{message} this content", tag=tag)
    return AlreadyExists(
        f"{message} different content ({_summary_of(differences, can_read)})",
        tag=tag,
        differences=_members(differences, can_read),
    )


def content_mismatch(
    existing: Version, content: BuildContent, differences: Sequence[FieldDifference], *, can_read: bool
) -> VersionContentMismatch:
    """Return the problem for other content; registered values are included if the caller can read them."""
    return VersionContentMismatch(
        f"{existing.app}@{existing.tag} already exists with different content "
        f"({_summary_of(differences, can_read)}): use a new tag",
        existing_digest=existing.digest,
        submitted_digest=content.digest,
        differences=_members(differences, can_read),
    )


def _summary_of(differences: Sequence[FieldDifference], can_read: bool) -> str:
    texts = [str(difference) if can_read else difference.field for difference in differences]
    more = len(texts) - MAX_SUMMARIZED_DIFFERENCES
    return "; ".join([*texts[:MAX_SUMMARIZED_DIFFERENCES], *([f"{more} more"] if more > 0 else [])])


def _members(differences: Iterable[FieldDifference], can_read: bool) -> list[dict[str, str | None]]:
    return [asdict(difference) if can_read else {"field": difference.field} for difference in differences]


def normalize_artifacts(artifacts: Iterable[Artifact]) -> tuple[Artifact, ...]:
    """Return artifacts sorted and without duplicates."""
    return tuple(sorted(set(artifacts), key=lambda item: (item.name, item.type, item.digest, item.url)))


def apply_patch(version: Version, change: VersionPatch) -> VersionMetadata:
    """Return the complete metadata of a version after a patch."""
    return VersionMetadata(
        changelog=version.changelog if change.changelog is UNSET else change.changelog,
        ref=version.ref if change.ref is UNSET else change.ref,
        build=version.build,
    )


def has_changes(version: Version, metadata: VersionMetadata, artifacts: tuple[Artifact, ...]) -> bool:
    """Return whether a patch changes a version."""
    now = (version.changelog, version.ref, version.build, version.artifacts)
    return now != (metadata.changelog, metadata.ref, metadata.build, artifacts)


def version_event(kind: type[VersionData], version: Version, actor: str, traceparent: str) -> DomainEvent:
    """Return an event about a version."""
    return DomainEvent(
        subject=f"app/{version.app_id}/version/{version.id}",
        data=kind(
            version_id=version.id,
            app_id=version.app_id,
            app=version.app,
            tag=version.tag,
            changelog=version.changelog,
            commit=version.commit,
            ref=version.ref,
            artifacts=version.artifacts,
            build=version.build,
            toolchain=_summary(version.toolchain),
            created_at=version.created_at,
            updated_at=version.updated_at,
        ),
        actor=actor,
        traceparent=traceparent,
    )


def version_event_for(kind: type[VersionData], version: Version, context: RequestContext) -> DomainEvent:
    """Return the event of a request that changed a version."""
    return version_event(kind, version, context.principal.actor, context.traceparent)


def _summary(toolchain: Toolchain) -> ToolchainSummary:
    tools = tuple(ToolVersion(tool=tool.tool, version=tool.version) for tool in toolchain.tools)
    return ToolchainSummary(lock_digest=toolchain.lock_digest, tools=tools)


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
