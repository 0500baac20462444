"""The resources of the API, as services hand them to one another and to the world.

Frozen msgspec structs are declared as dataclasses are, and encoded by their declaration. `rev` counts the changes
of a resource; with its id, which no other one ever has, it is what stands in its ETag.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from envmgr.server.contracts.fields import (
    AppName,
    Commit,
    Digest,
    EnvironmentName,
    Id,
    Line,
    SortOrder,
    Tag,
    Text,
    Timestamp,
    Url,
)

Status = Literal[
    "pending",
    "queued",
    "awaiting_approval",
    "blocked",
    "in_progress",
    "successful",
    "failed",
    "cancelled",
    "superseded",
    "rolled_back",
]
_APP_PATTERN_OR_WILDCARD = r"^(\*|(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]{0,99})$"
Tier = Literal["production", "staging", "testing", "development", "other"]


class App(Struct, frozen=True, kw_only=True):
    """A thing that is built and deployed under one name."""

    id: Id
    name: AppName
    description: Text
    created_at: Timestamp
    updated_at: Timestamp
    rev: int
    version: Version | UnsetType = UNSET
    """The first version, in the answer to the request that registered both."""


class Artifact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that the build made, by its digest."""

    name: Line
    digest: Digest
    type: Line = ""
    url: Url = ""


class Build(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The run that built a version."""

    ci: Line = ""
    run_id: Line = ""
    run_attempt: Line = ""
    url: Url = ""
    actor: Line = ""
    repository: Line = ""
    dirty: bool = False
    """Whether the work tree had changes that are in no commit."""


class LockedTool(Struct, frozen=True, kw_only=True):
    """One locked version of a tool, and what asked for it."""

    tool: str
    version: str
    requests: tuple[str, ...]
    platforms: tuple[str, ...]


class Toolchain(Struct, frozen=True, kw_only=True):
    """The tools that a lock pins; empty where a version came without one."""

    lock_digest: str | None
    tools: tuple[LockedTool, ...]


class Version(Struct, frozen=True, kw_only=True):
    """An app as it was built once."""

    id: Id
    app_id: Id
    app: AppName
    tag: Tag
    changelog: Text
    commit: Commit
    ref: Line
    artifacts: tuple[Artifact, ...]
    build: Build
    toolchain: Toolchain
    digest: Digest
    """Of all that a push says of the version: the same digest is the same content."""
    created_at: Timestamp
    updated_at: Timestamp
    rev: int


class LockFile(Struct, frozen=True, kw_only=True):
    """A lock as it was pushed, with the requests (`.envmgr`) that came with it."""

    digest: Digest
    lock: str
    dotfile: str


class StatusEntry(Struct, frozen=True, kw_only=True):
    """A step in a deployment's history."""

    id: Id
    deployment_id: Id
    status: Status
    reason: str
    actor: str
    created_at: Timestamp


class Deployment(Struct, frozen=True, kw_only=True):
    """A version going to, or standing in, an environment."""

    id: Id
    version_id: Id
    app_id: Id
    app: AppName
    tag: Tag
    environment: EnvironmentName
    status: Status
    reason: str
    """What its newest step gave as reason; its history keeps all of them."""
    actor: str
    created_at: Timestamp
    updated_at: Timestamp
    finished_at: Timestamp | None
    rev: int


class AutoDeploy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which new versions are deployed by themselves: of this app (or of all, `*`), with tags in this range."""

    app: Annotated[
        str, Meta(max_length=100, extra_json_schema={"pattern": _APP_PATTERN_OR_WILDCARD}, examples=["shop"])
    ]
    tag_range: Annotated[Line, Meta(examples=["^1.2"])] = "*"


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an environment asks of its deployments."""

    auto_deploy: tuple[AutoDeploy, ...] = ()
    requires_approval: bool = False
    """Deployments wait in `awaiting_approval` until somebody other than who asked for them moves them on."""
    blocked: Line = ""
    """While this holds a reason, new deployments begin `blocked`."""


class Environment(Struct, frozen=True, kw_only=True):
    """Where versions run."""

    id: Id
    name: EnvironmentName
    tier: Tier
    sort_order: SortOrder
    rules: Rules
    created_at: Timestamp
    updated_at: Timestamp
    rev: int


class DeploymentRef(Struct, frozen=True, kw_only=True):
    """What is, or was tried, of one app in one environment."""

    deployment_id: Id
    version_id: Id
    tag: Tag
    status: Status
    actor: str
    updated_at: Timestamp


class Placement(Struct, frozen=True, kw_only=True):
    """One app in one environment: what runs there, and what was last tried."""

    app_id: Id
    app: AppName
    environment: EnvironmentName
    current: DeploymentRef | None
    last: DeploymentRef
    age_seconds: int | None
    """Since what is current became so."""


class AppRef(Struct, frozen=True, kw_only=True):
    """An app, in brief."""

    id: Id
    name: AppName


class Matrix(Struct, frozen=True, kw_only=True):
    """Apps by environments; a pair without a place has never been deployed."""

    apps: tuple[AppRef, ...]
    environments: tuple[Environment, ...]
    placements: tuple[Placement, ...]


class ToolUse(Struct, frozen=True, kw_only=True):
    """A deployed version, with the version of the tool that it was locked with."""

    app_id: Id
    app: AppName
    environment: EnvironmentName
    version_id: Id
    tag: Tag
    tool_version: str | None


class UsageCounts(Struct, frozen=True, kw_only=True):
    """How long each list is as a whole, whatever a page of it shows."""

    matches: int
    unknown: int
    without_lock: int


class Usage(Struct, frozen=True, kw_only=True):
    """Which deployed versions a range touches, and of which that cannot be told."""

    tool: str
    range: str
    counts: UsageCounts
    matches: tuple[ToolUse, ...]
    unknown: tuple[ToolUse, ...]
    without_lock: tuple[ToolUse, ...]
    next: str | UnsetType = UNSET
    """The cursor of what follows, where any of the lists is longer than shown; the `Link` header has it, too."""


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One link of the audit chain."""

    seq: int
    id: str
    source_service: str
    source_sequence: int
    event_type: str
    event: str
    actor: str
    resource: str
    payload: Mapping[str, object]
    timestamp: int
    prev_hash: str
    hash: str


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A signed statement of how long the audit was at a moment, and what its last hash was."""

    origin: str
    seq: int
    hash: str
    timestamp: int
    previous: str
    public_key: str
    signature: str


class LogStats(Struct, frozen=True):
    """Statistics of the audit log: entries, signed entries, and missing and recorded events by source."""

    last_seq: int
    signed_seq: int
    missing: dict[str, int]
    recorded: dict[str, int]
