"""The rules of apps: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.contracts.requests import AppPut
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.common.problems import AlreadyExists, Conflict

if TYPE_CHECKING:
    from envmgr.server.contracts.requests import AppPatch
    from envmgr.server.contracts.resources import App
    from envmgr.server.kit.common.context import RequestContext


class AppInUse(Conflict):
    """Versions of the app are deployed."""

    title = "Versions of this app are deployed"


def name_taken(name: str) -> AlreadyExists:
    """Say that another app has a name."""
    return AlreadyExists(f"there is an app named {name!r} already", name=name)


def in_use(app: App, places: int) -> AppInUse:
    """Say why an app cannot be deleted."""
    return AppInUse(
        f"versions of {app.name} stand in {places} environment(s): retire them first, or delete with ?force=true"
    )


def merged(app: App, change: AppPatch) -> AppPut:
    """Say all of an app, from what it is and what is to change."""
    return AppPut(
        name=app.name if change.name is UNSET else change.name,
        description=app.description if change.description is UNSET else change.description,
    )


def differs(app: App, put: AppPut) -> bool:
    """Say whether an app would change."""
    return (app.name, app.description) != (put.name, put.description)


def app_event(type_: str, app: App, context: RequestContext, previous_name: str = "") -> DomainEvent:
    """Make the event of what a call did to an app; one that was renamed tells what it was called before."""
    renamed = {"previous_name": previous_name} if previous_name not in {"", app.name} else {}
    return DomainEvent(
        type=type_,
        subject=f"app/{app.id}",
        data={
            "app_id": app.id,
            "name": app.name,
            "description": app.description,
            "created_at": app.created_at,
            "updated_at": app.updated_at,
            **renamed,
        },
        actor=context.principal.actor,
        traceparent=context.traceparent,
    )
