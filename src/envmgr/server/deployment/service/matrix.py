"""Use case of the deployment matrix, read from the projection in one scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.resources import AppRef, DeploymentRef, Matrix, Placement
from envmgr.server.deployment.domain import environment_rules
from envmgr.server.deployment.service import environments
from envmgr.server.deployment.store import environment_rows, placements
from envmgr.server.kit.common.clock import now_ms, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.db.sql import Reader, Row


DAY_MS = 86_400_000


class TimestampFormatter:
    """Format many timestamps like `rfc3339`, four times as fast: each date is formatted once."""

    def __init__(self) -> None:
        self._days: dict[int, str] = {}

    def format(self, ms: int) -> str:
        """Format a timestamp."""
        days, remainder = divmod(ms, DAY_MS)
        day = self._days.get(days)
        if day is None:
            day = self._days[days] = rfc3339(days * DAY_MS)[:11]
        minutes, remainder = divmod(remainder, 60_000)
        return f"{day}{minutes // 60:02}:{minutes % 60:02}:{remainder // 1000:02}.{remainder % 1000:03}Z"


def matrix(reader: Reader, principal: Principal, environment: str | None) -> Matrix:
    """Return the matrix visible to a principal, optionally of one environment."""
    visible = [environments.get(reader, environment)] if environment else environment_rows.list_all(reader)
    name = visible[0].name if environment else None
    now, timestamps = now_ms(), TimestampFormatter()
    names = placements.visible_names(reader, principal)
    visible_apps = placements.visible_apps(reader, principal)
    rows = [
        _placement(row, now, timestamps)
        for row in placements.rows(reader, name)
        if visible_apps is None or row[0] in visible_apps
    ]
    return Matrix(
        apps=tuple(_apps(reader, visible_apps)),
        environments=tuple(environment_rules.visible_with(item, names) for item in visible),
        placements=tuple(rows),
    )


def _apps(reader: Reader, visible_apps: frozenset[int] | None) -> Iterable[AppRef]:
    """Return every app by name, including those never deployed."""
    visible = [pair for pair in placements.apps(reader) if visible_apps is None or pair[0] in visible_apps]
    return [AppRef(id=app_id, name=name) for app_id, name in sorted(visible, key=lambda pair: pair[1])]


def _placement(row: Row, now: int, timestamps: TimestampFormatter) -> Placement:
    (
        app_id,
        environment,
        app,
        current_id,
        *current_columns,
        last_id,
        version_id,
        tag,
        status,
        actor,
        updated_at,
    ) = row
    current_version, current_tag, current_actor, since = current_columns
    last = DeploymentRef(
        deployment_id=last_id,
        version_id=version_id,
        tag=tag,
        status=status,
        actor=actor,
        updated_at=timestamps.format(updated_at),
    )
    current: DeploymentRef | None = None
    if current_id == last_id:
        current = last
    elif current_id is not None:
        current = DeploymentRef(
            deployment_id=current_id,
            version_id=current_version,
            tag=current_tag,
            status="successful",
            actor=current_actor,
            updated_at=timestamps.format(since),
        )
    return Placement(
        app_id=app_id,
        app=app,
        environment=environment,
        current=current,
        last=last,
        age_seconds=None if current is None else max(0, now - since) // 1000,
    )
