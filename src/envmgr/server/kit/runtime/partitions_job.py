"""Job that creates partitions ahead of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.kit.db.partitions import create_partitions
from envmgr.server.kit.runtime.service_module import ScheduledJob

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Database

INTERVAL_SECONDS = 6 * 3600.0


def partitions_job(name: str, database: Database) -> ScheduledJob:
    """Return the job of a service whose database has partitions."""

    async def run() -> None:
        await database.write(create_partitions)

    return ScheduledJob(f"{name}-partitions", INTERVAL_SECONDS, run)
