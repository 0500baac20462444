"""Rules of apps: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.contracts.events.app import AppCreated, AppDeleted, AppUpdated
from envmgr.server.contracts.requests import AppPut
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.common.problems import AlreadyExists

if TYPE_CHECKING:
    from envmgr.server.contracts.events.app import AppData
    from envmgr.server.contracts.requests import AppPatch
    from envmgr.server.contracts.resources import App
    from envmgr.server.kit.common.context import RequestContext


def name_taken(name: str) -> AlreadyExists:
    """Return the problem for a name in use."""
    return AlreadyExists(f"app {name!r} already exists", name=name)


def apply_patch(app: App, change: AppPatch) -> AppPut:
    """Return the complete state of an app after a patch."""
    return AppPut(
        name=app.name if change.name is UNSET else change.name,
        description=app.description if change.description is UNSET else change.description,
    )


def has_changes(app: App, put: AppPut) -> bool:
    """Return whether a patch changes an app."""
    return (app.name, app.description) != (put.name, put.description)


def created_event(app: App, context: RequestContext) -> DomainEvent:
    """Return the event of a new app."""
    return _app_event(
        AppCreated(
            app_id=app.id,
            name=app.name,
            description=app.description,
            created_at=app.created_at,
            updated_at=app.updated_at,
        ),
        context,
    )


def updated_event(app: App, previous_name: str, context: RequestContext) -> DomainEvent:
    """Return the event of a changed app."""
    return _app_event(
        AppUpdated(
            app_id=app.id,
            name=app.name,
            description=app.description,
            created_at=app.created_at,
            updated_at=app.updated_at,
            previous_name=UNSET if previous_name == app.name else previous_name,
        ),
        context,
    )


def deleted_event(app: App, context: RequestContext) -> DomainEvent:
    """Return the event of a deleted app."""
    return _app_event(
        AppDeleted(
            app_id=app.id,
            name=app.name,
            description=app.description,
            created_at=app.created_at,
            updated_at=app.updated_at,
        ),
        context,
    )


def _app_event(data: AppData, context: RequestContext) -> DomainEvent:
    return DomainEvent(
        subject=f"app/{data.app_id}",
        data=data,
        actor=context.principal.actor,
        traceparent=context.traceparent,
    )
