"""Events of the deployment service."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from envmgr.server.contracts.fields import AppName, EnvironmentName, Id, SortOrder, Tag, Timestamp
from envmgr.server.contracts.resources import AutoDeploy, Rules, Status, Tier
from envmgr.server.kit.common.events import EventData


class DeploymentData(EventData, frozen=True, kw_only=True):
    """The deployment as it is after the event, and the current version of its app in its environment."""

    deployment_id: Id
    version_id: Id
    app_id: Id
    app: AppName
    tag: Tag
    environment: EnvironmentName
    status: Status
    reason: str
    actor: str
    created_at: Timestamp
    updated_at: Timestamp
    finished_at: Timestamp | None
    current_version_id: Id | None
    current_tag: Tag | None


class DeploymentCreated(DeploymentData, frozen=True, kw_only=True):
    """A deployment was created."""

    TYPE: ClassVar[str] = "DeploymentCreated"


class DeploymentUpdated(DeploymentData, frozen=True, kw_only=True):
    """A deployment got another status."""

    TYPE: ClassVar[str] = "DeploymentUpdated"


class DeploymentDeleted(DeploymentData, frozen=True, kw_only=True):
    """A deployment was deleted from the history."""

    TYPE: ClassVar[str] = "DeploymentDeleted"


class EnvironmentData(EventData, frozen=True, kw_only=True):
    """The environment as it is after the event."""

    name: EnvironmentName
    tier: Tier
    sort_order: SortOrder
    rules: Rules
    created_at: Timestamp
    updated_at: Timestamp


class EnvironmentCreated(EnvironmentData, frozen=True, kw_only=True):
    """An environment was created."""

    TYPE: ClassVar[str] = "EnvironmentCreated"


class EnvironmentUpdated(EnvironmentData, frozen=True, kw_only=True):
    """An environment was changed."""

    TYPE: ClassVar[str] = "EnvironmentUpdated"


class EnvironmentDeleted(EnvironmentData, frozen=True, kw_only=True):
    """An environment was deleted."""

    TYPE: ClassVar[str] = "EnvironmentDeleted"


class CurrentPlacement(Struct, frozen=True, kw_only=True):
    """The current version of an app in an environment."""

    app_id: Id
    app: AppName
    environment: EnvironmentName
    version_id: Id
    tag: Tag


class PlacementsRepublished(EventData, frozen=True, kw_only=True):
    """All current placements of a range of apps, by which a consumer corrects its projection."""

    TYPE: ClassVar[str] = "PlacementsRepublished"

    after_app_id: int
    """The app before the first one; 0 for the first range."""
    last_app_id: Id | None
    """The last app; None if the range has no end."""
    as_of: int
    """The sequence of an event: later ones may have changed placements since."""
    placements: tuple[CurrentPlacement, ...]


class AutoDeploySkipped(EventData, frozen=True, kw_only=True):
    """A rule matched a new version and was not followed."""

    TYPE: ClassVar[str] = "AutoDeploySkipped"

    version_id: Id
    app_id: Id
    app: AppName
    tag: Tag
    environment: EnvironmentName
    rule: AutoDeploy
    reason: str
    active_deployment_id: Id | None
