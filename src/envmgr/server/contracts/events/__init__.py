"""Events that services exchange: one frozen, versioned struct per type, and the registry of all types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import convert

from envmgr.server.contracts.events.app import AppCreated, AppDeleted, AppUpdated
from envmgr.server.contracts.events.deployment import (
    AutoDeploySkipped,
    DeploymentCreated,
    DeploymentDeleted,
    DeploymentUpdated,
    EnvironmentCreated,
    EnvironmentDeleted,
    EnvironmentUpdated,
)
from envmgr.server.contracts.events.identity import (
    AccessDenied,
    ApiKeyCreated,
    ApiKeyRevoked,
    BindingCreated,
    BindingDeleted,
    LoggedOut,
    LoginFailed,
    LoginSucceeded,
    PasswordChanged,
    RefreshReused,
    TokenExchanged,
    UserCreated,
    UserDeleted,
    UserUpdated,
)
from envmgr.server.contracts.events.version import VersionCreated, VersionDeleted, VersionUpdated

if TYPE_CHECKING:
    from envmgr.server.kit.common.events import EventData, EventEnvelope

EVENTS: dict[str, type[EventData]] = {
    kind.TYPE: kind
    for kind in (
        AppCreated,
        AppUpdated,
        AppDeleted,
        VersionCreated,
        VersionUpdated,
        VersionDeleted,
        DeploymentCreated,
        DeploymentUpdated,
        DeploymentDeleted,
        EnvironmentCreated,
        EnvironmentUpdated,
        EnvironmentDeleted,
        AutoDeploySkipped,
        LoginSucceeded,
        LoginFailed,
        LoggedOut,
        RefreshReused,
        PasswordChanged,
        AccessDenied,
        TokenExchanged,
        UserCreated,
        UserUpdated,
        UserDeleted,
        ApiKeyCreated,
        ApiKeyRevoked,
        BindingCreated,
        BindingDeleted,
    )
}
"""Every event by its type."""

ALL_EVENTS = "*"
"""Subscribes to every type."""


def decode(event: EventEnvelope) -> EventData:
    """Return the typed data of an event; raise ValidationError for a missing or invalid field.

    Unknown fields are ignored, so that an emitter can add fields before its consumers know them.
    """
    return convert(event.data, EVENTS[event.type])
