"""Request bodies: strict, unknown fields are errors.

A `…Patch` is a merge patch: omitted fields keep their value.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from envmgr.server.contracts.fields import (
    AppName,
    Commit,
    Digest,
    EnvironmentName,
    Id,
    Line,
    LockText,
    SortOrder,
    Tag,
    Text,
)
from envmgr.server.contracts.resources import (
    Artifact,
    Build,
    Rules,
    Status,
    Tier,
)


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body."""


class AppCreate(Request, frozen=True, kw_only=True):
    """A new app, and with `version` its first version."""

    name: AppName
    description: Text = ""
    version: Tag | UnsetType = UNSET


class AppPut(Request, frozen=True, kw_only=True):
    """The complete state of an app."""

    name: AppName
    description: Text = ""


class AppPatch(Request, frozen=True, kw_only=True):
    """Changes to an app."""

    name: AppName | UnsetType = UNSET
    description: Text | UnsetType = UNSET


class ToolchainInput(Request, frozen=True, kw_only=True):
    """The lock file of a version, verbatim; its tools are parsed from it, never taken from the client."""

    lock: LockText
    lock_digest: Digest | None = None
    dotfile: Text = ""
    """The `.envmgr` of the lock file."""


class VersionPut(Request, frozen=True, kw_only=True):
    """The complete state of a version."""

    changelog: Text = ""
    commit: Commit = ""
    ref: Line = ""
    artifacts: Annotated[tuple[Artifact, ...], Meta(max_length=1_000)] = ()
    build: Build = Build()
    toolchain: ToolchainInput | None = None


class VersionCreate(VersionPut, frozen=True, kw_only=True):
    """A new version of an app, referenced by ID."""

    app_id: Id
    tag: Tag


class AppVersionCreate(VersionPut, frozen=True, kw_only=True):
    """A new version of the app in the path."""

    tag: Tag


class VersionPatch(Request, frozen=True, kw_only=True):
    """Changes to a version's metadata; the build content is immutable."""

    changelog: Text | UnsetType = UNSET
    ref: Line | UnsetType = UNSET


class DeploymentCreate(Request, frozen=True, kw_only=True):
    """A new deployment of a version to an environment."""

    version_id: Id
    environment: EnvironmentName
    reason: Text = ""


class StatusCreate(Request, frozen=True, kw_only=True):
    """A status transition of a deployment."""

    status: Status
    reason: Text = ""


class EnvironmentPut(Request, frozen=True, kw_only=True):
    """The complete state of an environment."""

    tier: Tier = "other"
    sort_order: SortOrder = 0
    rules: Rules = Rules()


class EnvironmentCreate(EnvironmentPut, frozen=True, kw_only=True):
    """A new environment."""

    name: EnvironmentName


class EnvironmentPatch(Request, frozen=True, kw_only=True):
    """Changes to an environment."""

    tier: Tier | UnsetType = UNSET
    sort_order: SortOrder | UnsetType = UNSET
    rules: Rules | UnsetType = UNSET
