"""What callers ask for: strict, so that a misspelt field is an error and not a surprise.

A `…Change` is a merge patch: a field left out stays as it is.
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
    """A request's body."""


class AppCreate(Request, frozen=True, kw_only=True):
    """Register an app, and with `version` its first version."""

    name: AppName
    description: Text = ""
    version: Tag | UnsetType = UNSET


class AppPut(Request, frozen=True, kw_only=True):
    """Say all of an app."""

    name: AppName
    description: Text = ""


class AppPatch(Request, frozen=True, kw_only=True):
    """Say some of an app."""

    name: AppName | UnsetType = UNSET
    description: Text | UnsetType = UNSET


class ToolchainInput(Request, frozen=True, kw_only=True):
    """The lock a version was built with, verbatim; what tools it names is read out of it, never taken on trust."""

    lock: LockText
    lock_digest: Digest | None = None
    dotfile: Text = ""
    """The `.envmgr` that the lock belongs to."""


class VersionPut(Request, frozen=True, kw_only=True):
    """Say all of a version."""

    changelog: Text = ""
    commit: Commit = ""
    ref: Line = ""
    artifacts: Annotated[tuple[Artifact, ...], Meta(max_length=1_000)] = ()
    build: Build = Build()
    toolchain: ToolchainInput | None = None


class VersionCreate(VersionPut, frozen=True, kw_only=True):
    """Register a version of an app named by its id."""

    app_id: Id
    tag: Tag


class AppVersionCreate(VersionPut, frozen=True, kw_only=True):
    """Register a version of the app that the address names."""

    tag: Tag


class VersionPatch(Request, frozen=True, kw_only=True):
    """Say some of a version: what was built, and with what, stays as it is."""

    changelog: Text | UnsetType = UNSET
    ref: Line | UnsetType = UNSET


class DeploymentCreate(Request, frozen=True, kw_only=True):
    """Ask for a version in an environment."""

    version_id: Id
    environment: EnvironmentName
    reason: Text = ""


class StatusCreate(Request, frozen=True, kw_only=True):
    """Take a deployment a step further."""

    status: Status
    reason: Text = ""


class EnvironmentPut(Request, frozen=True, kw_only=True):
    """Say all of an environment."""

    tier: Tier = "other"
    sort_order: SortOrder = 0
    rules: Rules = Rules()


class EnvironmentCreate(EnvironmentPut, frozen=True, kw_only=True):
    """Make an environment before its first use."""

    name: EnvironmentName


class EnvironmentPatch(Request, frozen=True, kw_only=True):
    """Say some of an environment."""

    tier: Tier | UnsetType = UNSET
    sort_order: SortOrder | UnsetType = UNSET
    rules: Rules | UnsetType = UNSET
