"""Events of the app service."""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, UnsetType

from envmgr.server.contracts.fields import AppName, Id, Text, Timestamp
from envmgr.server.kit.common.events import EventData


class AppData(EventData, frozen=True, kw_only=True):
    """The app as it is after the event."""

    app_id: Id
    name: AppName
    description: Text
    created_at: Timestamp
    updated_at: Timestamp


class AppCreated(AppData, frozen=True, kw_only=True):
    """An app was created."""

    TYPE: ClassVar[str] = "AppCreated"


class AppUpdated(AppData, frozen=True, kw_only=True):
    """An app was changed."""

    TYPE: ClassVar[str] = "AppUpdated"

    previous_name: AppName | UnsetType = UNSET
    """The name before, if the app was renamed."""


class AppDeleted(AppData, frozen=True, kw_only=True):
    """An app was deleted."""

    TYPE: ClassVar[str] = "AppDeleted"
