"""Events of the version service."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from envmgr.server.contracts.fields import AppName, Commit, Id, Line, Tag, Text, Timestamp
from envmgr.server.contracts.resources import Artifact, Build
from envmgr.server.kit.common.events import EventData


class ToolVersion(Struct, frozen=True, kw_only=True):
    """A locked version of a tool."""

    tool: str
    version: str


class ToolchainSummary(Struct, frozen=True, kw_only=True):
    """The tools of a lock; none if the version has no lock."""

    lock_digest: str | None
    tools: tuple[ToolVersion, ...]


class VersionData(EventData, frozen=True, kw_only=True):
    """The version as it is after the event."""

    version_id: Id
    app_id: Id
    app: AppName
    tag: Tag
    changelog: Text
    commit: Commit
    ref: Line
    artifacts: tuple[Artifact, ...]
    build: Build
    toolchain: ToolchainSummary
    created_at: Timestamp
    updated_at: Timestamp


class VersionCreated(VersionData, frozen=True, kw_only=True):
    """A version was registered."""

    TYPE: ClassVar[str] = "VersionCreated"


class VersionUpdated(VersionData, frozen=True, kw_only=True):
    """The metadata of a version was changed."""

    TYPE: ClassVar[str] = "VersionUpdated"


class VersionDeleted(VersionData, frozen=True, kw_only=True):
    """A version was deleted."""

    TYPE: ClassVar[str] = "VersionDeleted"
