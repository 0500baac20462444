"""The worker: counts events, and does the background work of its process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.worker import store
from envmgr.server.worker.service.background_work import BackgroundWork

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics

NAME = "worker"


class Worker(BackgroundWork):
    """The worker of a process that runs every consumer, too."""

    def __init__(self, database: Database, bus: Bus, log: Log, metrics: Metrics) -> None:
        super().__init__(bus, log, metrics)
        self.dead_letters = DeadLetters(database, NAME)
        self._database = database

    async def event_counts(self) -> dict[str, float]:
        """Return how many events there were of each type."""
        return await self._database.read(store.counts)

    async def _has_pending(self) -> bool:
        """Return whether an event waits in an outbox, or has yet to reach a consumer of this process."""
        return await super()._has_pending() or any((await self._lag.by_consumer()).values())
