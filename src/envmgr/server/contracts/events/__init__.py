"""Events that services exchange: one frozen, versioned struct per type, and the registry of all types."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import ValidationError, convert

from envmgr.server.contracts.events.app import AppCreated, AppDeleted, AppUpdated
from envmgr.server.contracts.events.deployment import (
    AutoDeploySkipped,
    DeploymentCreated,
    DeploymentDeleted,
    DeploymentUpdated,
    EnvironmentCreated,
    EnvironmentDeleted,
    EnvironmentUpdated,
    PlacementsRepublished,
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
from envmgr.server.contracts.events.recovery import SequenceGapRecorded
from envmgr.server.contracts.events.version import VersionCreated, VersionDeleted, VersionUpdated
from envmgr.server.kit.common.events import EventData, schema_of

if TYPE_CHECKING:
    from envmgr.server.kit.common.events import EventEnvelope

T = TypeVar("T", bound=EventData)

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
        SequenceGapRecorded,
        PlacementsRepublished,
    )
}
"""Every event by its type."""

ALL_EVENTS = "*"
"""Subscribes to every type."""


def decode(event: EventEnvelope) -> EventData:
    """Return the typed data of an event; raise ValidationError for a missing or invalid field.

    Unknown fields are ignored, so that an emitter can add fields before its consumers are updated. A version of the
    schema other than this release's is refused: the event becomes a dead letter instead of being misread.
    """
    return decode_as(event, EVENTS[event.type])


def decode_as(event: EventEnvelope, kind: type[T]) -> T:
    """Return event data as a struct that several types share; raise ValidationError as `decode`."""
    expected = schema_of(event.type, EVENTS[event.type].VERSION)
    if event.dataschema not in {"", expected}:
        raise ValidationError(f"unsupported event schema {event.dataschema}: this release reads {expected}")
    return convert(event.data, kind)
