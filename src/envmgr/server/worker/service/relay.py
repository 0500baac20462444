"""The relay: publishes one service's outbox to the bus in order, at least once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.events import source_of
from envmgr.server.kit.common.failures import describe
from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.messaging.bus import Bus, Position
    from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
    from envmgr.server.kit.messaging.outbox import Outbox
    from envmgr.server.kit.telemetry.logs import Log

BATCH_SIZE = 500
BATCH_WINDOW_SECONDS = 0.02
"""Seconds that events are waited for after the first one, so that consumers get them in batches."""
POLL_INTERVAL_SECONDS = 1.0
"""Seconds between polls of the outbox: another process may have written to it."""
ROLE_POLL_INTERVAL_SECONDS = 1.0
"""Seconds between attempts to relay in the place of another process."""
COMPARISON_INTERVAL_SECONDS = 60.0
"""Seconds until the bus is compared with the outbox again: what it lost may show nowhere else."""
BACKOFF = Backoff(initial_seconds=0.1, max_seconds=5.0)
"""Between failed deliveries: the bus connects again at such an interval; the role of the relay outlasts it."""


class Relay:
    """Carries the events of one outbox, or waits where another process does."""

    def __init__(
        self,
        outbox: Outbox,
        bus: Bus,
        lag: ConsumerLag,
        log: Log,
        *,
        batch_window: float = BATCH_WINDOW_SECONDS,
    ) -> None:
        self.service = outbox.service
        self._outbox = outbox
        self._leadership = outbox.leadership()
        self._bus = bus
        self._lag = lag
        self._consumed: Mapping[str, int] = {}
        self._log = log
        self._batch_window = batch_window
        self._wakeup = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._failures = 0
        self._draining = False
        self._generation: int | None = None
        """The generation of the bus in which its position was last compared with the outbox."""
        self._compared_at = 0.0

    def wake(self) -> None:
        """Wake the relay, from any thread."""
        with suppress(RuntimeError):  # the loop has ended: the events are relayed at the next start
            self._loop.call_soon_threadsafe(self._wakeup.set)

    @property
    def failures(self) -> int:
        """Count the failed deliveries since the last good one."""
        return self._failures

    async def backlog(self) -> int:
        """Count the events that wait."""
        return await self._outbox.backlog()

    async def run(self) -> None:
        """Relay events until cancelled."""
        while True:
            with suppress(TimeoutError):
                # Not `wait_for`: before Python 3.12 it loses a cancellation that comes together with the wake-up.
                async with asyncio.timeout(POLL_INTERVAL_SECONDS):
                    await self._wakeup.wait()
                if not self._draining:
                    await asyncio.sleep(self._batch_window)
            self._wakeup.clear()
            await self._relay_pending()

    async def drain(self) -> None:
        """Return once the outbox is drained."""
        self._draining = True
        while await self.backlog():
            self._wakeup.set()
            await asyncio.sleep(self._batch_window)

    async def _relay_pending(self) -> None:
        try:
            while await self._relay_batch():
                pass
        except Exception as error:  # noqa: BLE001 - any error: the events remain in the outbox, and the relay retries
            self._failures += 1
            self._generation = None
            delay = BACKOFF.delay(self._failures)
            self._log.warning(
                "outbox_relay_failed",
                service=self.service,
                attempt=self._failures,
                retry_in_s=round(delay, 2),
                error=describe(error),
            )
            await asyncio.sleep(delay)
            self._wakeup.set()
        else:
            self._failures = 0

    async def _relay_batch(self) -> bool:
        """Publish one batch; return whether there may be more."""
        await self._await_role()
        if self._is_comparison_due():
            await self._compare_with_bus()
        events = await self._outbox.pending(BATCH_SIZE)
        if not events:
            await self._record_consumed()
            return False
        await self._bus.publish(events)
        consumed = await self._lag.offsets(self.service)
        await self._outbox.acknowledge(events[-1].sequence, consumed)
        self._consumed = consumed
        return len(events) == BATCH_SIZE

    def _is_comparison_due(self) -> bool:
        age = self._loop.time() - self._compared_at
        return self._generation != self._bus.generation or age >= COMPARISON_INTERVAL_SECONDS

    async def _await_role(self) -> None:
        """Return once this process is the one that relays; while another one does, it has no failures."""
        while not await self._leadership.try_acquire():
            self._failures = 0
            await asyncio.sleep(ROLE_POLL_INTERVAL_SECONDS)

    async def _compare_with_bus(self) -> None:
        """Publish again what the bus acknowledged and lost, except what every consumer has consumed."""
        generation = self._bus.generation
        position = await self._bus.position(source_of(self.service))
        if position is not None:
            await self._require_same_events(position)
            acknowledged = await self._outbox.acknowledged_sequence()
            if position.sequence < acknowledged:
                await self._rewind(acknowledged, position)
        self._generation, self._compared_at = generation, self._loop.time()

    async def _rewind(self, acknowledged: int, position: Position) -> None:
        up_to = max(position.sequence, await self._lag.consumed_by_all(self._outbox))
        if up_to < acknowledged:
            self._log.warning(
                "bus_lost_events", service=self.service, acknowledged=acknowledged, republished_after=up_to
            )
            await self._outbox.rewind(up_to)

    async def _require_same_events(self, position: Position) -> None:
        """Raise ServiceUnavailable if the bus has events that this outbox never had."""
        latest = await self._outbox.latest_sequence()
        event_id = await self._outbox.event_id(position.sequence)
        if position.sequence > latest or (event_id is not None and event_id != position.event_id):
            raise ServiceUnavailable(
                f"the bus has event {position.sequence} of {self.service} of another installation or database; "
                "set ALM_BUS_PREFIX to a name of its own"
            )

    async def _record_consumed(self) -> None:
        """Record the consumers' offsets where a bus delivered after its acknowledgement."""
        consumed = await self._lag.offsets(self.service)
        if consumed != self._consumed:
            await self._outbox.record_consumed(consumed)
            self._consumed = consumed
