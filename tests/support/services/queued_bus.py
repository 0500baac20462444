"""Buses for tests: fast retries, and a broker that acknowledges before it delivers."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import Delivery, Position

FAST_DELIVERY = Delivery(backoff=Backoff(0.001, 0.01))


class QueuedBus:
    """A bus that stores events, returns, and delivers them to each consumer later, as a broker does."""

    def __init__(self, delivery=FAST_DELIVERY):
        self._delivery = delivery
        self._log = []
        self._positions = {}
        self._subscriptions = []
        self._tasks = []
        self._is_running = False
        self.is_paused = False

    def subscribe(self, subscription):
        self._subscriptions.append(subscription)

    async def start(self):
        self._is_running = True
        self._tasks = [asyncio.create_task(self._run(subscription)) for subscription in self._subscriptions]

    async def publish(self, events):
        if not self._is_running:
            raise ServiceUnavailable("publish events: the bus is stopped")
        self._log += events

    @property
    def generation(self):
        return 0

    async def position(self, source):
        stored = [event for event in self._log if event.source == source]
        return Position(stored[-1].sequence, stored[-1].id) if stored else Position()

    async def check(self):
        return "queued"

    async def stop(self):
        self._is_running = False
        await asyncio.gather(*self._tasks)

    async def _run(self, subscription):
        while self._is_running:
            position = self._positions.get(subscription.consumer, 0)
            batch = self._log[position : position + 10]
            if not batch or self.is_paused:
                await asyncio.sleep(0.002)
                continue
            with suppress(ServiceUnavailable):
                await self._delivery.deliver(subscription, subscription.select(batch))
                self._positions[subscription.consumer] = position + len(batch)
