"""The relay: carries events from one service's outbox to the bus, in order, until every consumer has them."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING

from envmgr.server.kit.common.clock import now_ms, parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.messaging.outbox import Outbox
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics

BATCH_SIZE = 500
BATCH_WINDOW_SECONDS = 0.02
"""Seconds that events are waited for after the first one, so that consumers get them in batches."""
POLL_INTERVAL_SECONDS = 1.0
"""Seconds after which the outbox is looked at although nobody called: another process may have written."""
INITIAL_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.1, 15.0
"""Seconds before a failed delivery is tried again; each time twice as long as before."""


class Relay:
    """Carries the events of one outbox."""

    def __init__(
        self,
        outbox: Outbox,
        bus: Bus,
        log: Log,
        metrics: Metrics,
        *,
        batch_window: float = BATCH_WINDOW_SECONDS,
    ) -> None:
        self.service = outbox.service
        self._outbox = outbox
        self._bus = bus
        self._log = log
        self._metrics = metrics
        self._batch_window = batch_window
        self._wakeup = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._failures = 0
        self._draining = False

    def wake(self) -> None:
        """Say, from any thread, that there are events."""
        with suppress(RuntimeError):  # the loop has ended: whoever starts next finds them in the outbox
            self._loop.call_soon_threadsafe(self._wakeup.set)

    @property
    def failures(self) -> int:
        """Count the failed deliveries since the last good one."""
        return self._failures

    async def backlog(self) -> int:
        """Count the events that wait."""
        return await self._outbox.backlog()

    async def run(self) -> None:
        """Carry events until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wakeup.wait(), POLL_INTERVAL_SECONDS)
                if not self._draining:
                    await asyncio.sleep(self._batch_window)
            self._wakeup.clear()
            await self._relay_pending()

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        self._draining = True
        while await self.backlog():
            self._wakeup.set()
            await asyncio.sleep(self._batch_window)

    async def _relay_pending(self) -> None:
        try:
            while await self._relay_batch():
                pass
        except Exception as error:  # noqa: BLE001 - whatever it is: the events stay in the outbox, and the relay comes again
            self._failures += 1
            wait = min(INITIAL_BACKOFF_SECONDS * 2 ** (self._failures - 1), MAX_BACKOFF_SECONDS)
            self._log.warning(
                "events wait",
                service=self.service,
                tries=self._failures,
                again_in=wait,
                reason=_reason(error),
            )
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - no secret, only not all at once
            self._wakeup.set()
        else:
            self._failures = 0

    async def _relay_batch(self) -> bool:
        """Carry one batch; say whether there may be more."""
        events = await self._outbox.pending(BATCH_SIZE)
        if not events:
            return False
        await self._bus.publish(events)
        await self._outbox.acknowledge(events[-1].sequence)
        self._measure(events)
        return len(events) == BATCH_SIZE

    def _measure(self, events: Sequence[EventEnvelope]) -> None:
        now = now_ms()
        for event in events:
            self._metrics.record_delivery(self.service, max(0, now - parse_rfc3339(event.time)) / 1000)


def _reason(error: BaseException) -> str:
    """Name what went wrong: of a group, its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
