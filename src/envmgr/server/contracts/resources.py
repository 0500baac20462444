"""Resources of the API, exchanged by services and clients.

Frozen msgspec structs, encoded by their declaration. `rev` counts the changes of a resource; with its ID, which is
never reused, it forms the ETag.
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
    """A deployable unit with a name."""

    id: Id
    name: AppName
    description: Text
    created_at: Timestamp
    updated_at: Timestamp
    rev: int
    version: Version | UnsetType = UNSET
    """The first version, in the response to the request that created both."""


class Artifact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A build artifact, identified by its digest."""

    name: Line
    digest: Digest
    type: Line = ""
    url: Url = ""


class Build(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The CI run that built a version."""

    ci: Line = ""
    run_id: Line = ""
    run_attempt: Line = ""
    url: Url = ""
    actor: Line = ""
    repository: Line = ""
    dirty: bool = False
    """True if the working tree had uncommitted changes."""


class LockedTool(Struct, frozen=True, kw_only=True):
    """A locked version of a tool, and the requests for it."""

    tool: str
    version: str
    requests: tuple[str, ...]
    platforms: tuple[str, ...]


class Toolchain(Struct, frozen=True, kw_only=True):
    """The tools that a lock pins; empty for a version without a lock."""

    lock_digest: str | None
    tools: tuple[LockedTool, ...]


class Version(Struct, frozen=True, kw_only=True):
    """An immutable build of an app."""

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
    """Content digest of the version."""
    created_at: Timestamp
    updated_at: Timestamp
    rev: int


class LockFile(Struct, frozen=True, kw_only=True):
    """A lock file as submitted, with its `.envmgr`."""

    digest: Digest
    lock: str
    dotfile: str


class StatusEntry(Struct, frozen=True, kw_only=True):
    """A status transition in a deployment's history."""

    id: Id
    deployment_id: Id
    status: Status
    reason: str
    actor: str
    created_at: Timestamp


class Deployment(Struct, frozen=True, kw_only=True):
    """A deployment of a version to an environment."""

    id: Id
    version_id: Id
    app_id: Id
    app: AppName
    tag: Tag
    environment: EnvironmentName
    status: Status
    reason: str
    """Reason given with the latest status."""
    actor: str
    created_at: Timestamp
    updated_at: Timestamp
    finished_at: Timestamp | None
    rev: int


class AutoDeploy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deploy new versions of an app (or of all, `*`) with tags in a range automatically."""

    app: Annotated[
        str, Meta(max_length=100, extra_json_schema={"pattern": _APP_PATTERN_OR_WILDCARD}, examples=["shop"])
    ]
    tag_range: Annotated[Line, Meta(examples=["^1.2"])] = "*"


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Deployment rules of an environment."""

    auto_deploy: tuple[AutoDeploy, ...] = ()
    requires_approval: bool = False
    """Require approval by someone other than the requester."""
    blocked: Line = ""
    """If set, new deployments start `blocked` with this reason."""


class Environment(Struct, frozen=True, kw_only=True):
    """An environment that versions are deployed to."""

    id: Id
    name: EnvironmentName
    tier: Tier
    sort_order: SortOrder
    rules: Rules
    created_at: Timestamp
    updated_at: Timestamp
    rev: int


class DeploymentRef(Struct, frozen=True, kw_only=True):
    """The current or latest deployment of an app in an environment."""

    deployment_id: Id
    version_id: Id
    tag: Tag
    status: Status
    actor: str
    updated_at: Timestamp


class Placement(Struct, frozen=True, kw_only=True):
    """An app in an environment: its current and latest deployments."""

    app_id: Id
    app: AppName
    environment: EnvironmentName
    current: DeploymentRef | None
    last: DeploymentRef
    age_seconds: int | None
    """Seconds since the current version was deployed."""


class AppRef(Struct, frozen=True, kw_only=True):
    """An app's ID and name."""

    id: Id
    name: AppName


class Matrix(Struct, frozen=True, kw_only=True):
    """Apps by environment; a missing placement means never deployed."""

    apps: tuple[AppRef, ...]
    environments: tuple[Environment, ...]
    placements: tuple[Placement, ...]


class ToolUse(Struct, frozen=True, kw_only=True):
    """A deployed version with the locked version of the tool."""

    app_id: Id
    app: AppName
    environment: EnvironmentName
    version_id: Id
    tag: Tag
    tool_version: str | None


class UsageCounts(Struct, frozen=True, kw_only=True):
    """Total lengths of the lists, independent of paging."""

    matches: int
    unknown: int
    without_lock: int


class Usage(Struct, frozen=True, kw_only=True):
    """Deployed versions matching a tool version range, and those that cannot be compared."""

    tool: str
    range: str
    counts: UsageCounts
    matches: tuple[ToolUse, ...]
    unknown: tuple[ToolUse, ...]
    without_lock: tuple[ToolUse, ...]
    next: str | UnsetType = UNSET
    """Cursor of the next page, if any list continues; also in the `Link` header."""


class AuditEntry(Struct, frozen=True, kw_only=True):
    """An entry of the audit hash chain."""

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
    """A signed statement of the audit log's length and last hash."""

    origin: str
    seq: int
    hash: str
    timestamp: int
    previous: str
    public_key: str
    signature: str


class LogStats(Struct, frozen=True, kw_only=True):
    """Statistics of the audit log: entries, signed entries, events by source, and dead letters.

    `missing` events have no entry and no explanation; `accepted` ones have no entry either, and an operator recorded
    their loss (`SequenceGapRecorded`). `dead_letters` are events that could not be recorded, until they are retried.
    """

    last_seq: int
    signed_seq: int
    missing: dict[str, int]
    recorded: dict[str, int]
    accepted: dict[str, int]
    dead_letters: int
