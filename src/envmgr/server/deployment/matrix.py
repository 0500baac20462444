"""The matrix: what stands where, out of the projection, in one scan of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.resources import AppRef, Cell, Matrix, Place
from envmgr.server.deployment import environments, places, rules
from envmgr.server.kit.clock import now_ms, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.kit.call import Principal
    from envmgr.server.kit.sql import Reader, Row


def matrix(reader: Reader, principal: Principal, environment: str | None) -> Matrix:
    """Return the matrix as somebody may see it; of one environment only, where it is named."""
    shown = [environments.get(reader, environment)] if environment else environments.every(reader)
    now = now_ms()
    found = [_place(row, now) for row in places.rows(reader, environment) if principal.may_touch(row[2])]
    return Matrix(
        apps=tuple(_apps(reader, principal, found)),
        environments=tuple(rules.shown_to(each, principal) for each in shown),
        places=tuple(found),
    )


def _apps(reader: Reader, principal: Principal, found: Iterable[Place]) -> Iterable[AppRef]:
    """Return every app, by name: those never deployed too, and those whose creation is still on its way here."""
    names = {place.app_id: place.app for place in found}
    names |= {app_id: name for app_id, name in places.apps(reader) if principal.may_touch(name)}
    return [AppRef(id=app_id, name=name) for app_id, name in sorted(names.items(), key=lambda pair: pair[1])]


def _place(row: Row, now: int) -> Place:
    app_id, environment, app, current_id, *current, last_id, version_id, tag, status, actor, updated_at = row
    last = Cell(
        deployment_id=last_id,
        version_id=version_id,
        tag=tag,
        status=status,
        actor=actor,
        updated_at=rfc3339(updated_at),
    )
    if current_id is None:
        return Place(
            app_id=app_id, app=app, environment=environment, current=None, last=last, age_seconds=None
        )
    current_version, current_tag, current_actor, since = current
    return Place(
        app_id=app_id,
        app=app,
        environment=environment,
        current=Cell(
            deployment_id=current_id,
            version_id=current_version,
            tag=current_tag,
            status="successful",
            actor=current_actor,
            updated_at=rfc3339(since),
        ),
        last=last,
        age_seconds=max(0, now - since) // 1000,
    )
