"""Work that each process does for itself at an interval."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.server.kit.common.failures import describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from envmgr.server.kit.telemetry.logs import Log


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A function that runs at an interval in seconds; where it fails, the next run is after the interval."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]

    async def run_forever(self, log: Log) -> None:
        """Run the function until cancelled."""
        while True:
            await asyncio.sleep(self.every)
            try:
                await self.run()
            except Exception as error:  # noqa: BLE001 - a failure ends only this run
                log.warning("periodic_task_failed", task=self.name, error=describe(error))
