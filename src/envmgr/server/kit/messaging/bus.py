"""The event bus, which carries events from outboxes to consumers.

Every implementation promises:

- At least once: each event reaches every consumer that subscribed to its type; a consumer acts once (see `inbox`).
- Order per source: a consumer receives the events of one source in the order of their sequence.
- `publish` returns when the bus has the events: it delivers them even if the process ends right then. Consumers may
  not have them yet; each records its own offset (see `consumer_offsets`).
- A consumer that fails is retried; after `MAX_ATTEMPTS`, the event becomes a dead letter and the next one follows.
  ServiceUnavailable makes no dead letter: the consumer's database is unavailable, and the event is redelivered later.
- `start` begins deliveries. `stop` ends them after those in progress; until the next `start`, `publish` raises
  ServiceUnavailable.
- A broker that is away stops nothing: `start` returns, `publish` raises ServiceUnavailable, and deliveries resume with
  the broker.
- A broker may lose what it acknowledged: `generation` changes whenever that is possible, and `position` is then what
  the relay compares its outbox with.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Protocol

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from envmgr.server.kit.common.events import EventEnvelope

ALL_TYPES = "*"
MAX_ATTEMPTS = 5
BACKOFF = Backoff(initial_seconds=0.05, max_seconds=5.0)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A consumer of some types of events.

    `handle` consumes events in order, and records the consumer's offset with its effect; `dead_letter` stores an event
    that failed `MAX_ATTEMPTS` times.
    """

    consumer: str
    types: frozenset[str]
    handle: Callable[[Sequence[EventEnvelope]], Awaitable[None]]
    dead_letter: Callable[[EventEnvelope, Exception, int], Awaitable[None]]

    def select(self, events: Sequence[EventEnvelope]) -> Sequence[EventEnvelope]:
        """Return the events of the types that the consumer takes."""
        return events if ALL_TYPES in self.types else [event for event in events if event.type in self.types]


@dataclass(frozen=True, slots=True)
class Position:
    """The newest event of a source that a bus stores; sequence 0 if it stores none."""

    sequence: int = 0
    event_id: str = ""


class DeliveryObserver(Protocol):
    """Receives what happens to deliveries, for logs and metrics."""

    def on_retry(self, consumer: str, attempt: int, delay: float, error: Exception) -> None:
        """Record that a delivery failed and is retried after a delay in seconds."""
        ...

    def on_dead_letter(self, consumer: str, event: EventEnvelope, attempts: int, error: Exception) -> None:
        """Record that an event was stored as a dead letter after its last attempt."""
        ...

    def on_delivered(self, consumer: str, events: Sequence[EventEnvelope]) -> None:
        """Record that a consumer has consumed or dead-lettered events."""
        ...

    def on_connected(self, broker: str) -> None:
        """Record that a broker is connected."""
        ...

    def on_disconnected(self, broker: str, retry_in_seconds: float, error: Exception) -> None:
        """Record that a broker is not connected, and why."""
        ...

    def on_invalid_message(self, location: str, error: Exception) -> None:
        """Record that a message of the broker is not an event, and is skipped."""
        ...


class Bus(Protocol):
    """Carries events, as the module's docstring promises."""

    def subscribe(self, subscription: Subscription) -> None:
        """Add a consumer; called before `start`."""
        ...

    async def start(self) -> None:
        """Begin deliveries."""
        ...

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Publish events of one source, in order, and return when the bus has them; raise ServiceUnavailable."""
        ...

    async def stop(self) -> None:
        """End deliveries after those in progress."""
        ...

    @property
    def generation(self) -> int:
        """A number that changes whenever the bus may have lost events that it acknowledged."""
        ...

    async def position(self, source: str) -> Position | None:
        """Return the newest stored event of a source; None if the bus stores no events.

        Raise ServiceUnavailable.
        """
        ...

    async def check(self) -> str:
        """Return what the bus is and that it works; raise ServiceUnavailable."""
        ...


class NullObserver:
    """A DeliveryObserver that records nothing."""

    def on_retry(self, consumer: str, attempt: int, delay: float, error: Exception) -> None:
        """Record nothing."""

    def on_dead_letter(self, consumer: str, event: EventEnvelope, attempts: int, error: Exception) -> None:
        """Record nothing."""

    def on_delivered(self, consumer: str, events: Sequence[EventEnvelope]) -> None:
        """Record nothing."""

    def on_connected(self, broker: str) -> None:
        """Record nothing."""

    def on_disconnected(self, broker: str, retry_in_seconds: float, error: Exception) -> None:
        """Record nothing."""

    def on_invalid_message(self, location: str, error: Exception) -> None:
        """Record nothing."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivery to one consumer, with retries and dead letters: the same for every bus."""

    observer: DeliveryObserver = field(default_factory=NullObserver)
    backoff: Backoff = BACKOFF

    async def deliver(self, subscription: Subscription, events: Sequence[EventEnvelope]) -> None:
        """Deliver events in order and return when each is consumed or a dead letter; raise ServiceUnavailable."""
        try:
            await subscription.handle(events)
        except Exception:  # noqa: BLE001 - delivered one by one, each event shows whether it is the cause
            for event in events:
                await self._deliver_one(subscription, event)
        self.observer.on_delivered(subscription.consumer, events)

    async def deliver_until_done(self, subscription: Subscription, events: Sequence[EventEnvelope]) -> None:
        """Deliver events in order, again until the consumer's database is available."""
        for attempt in count(1):
            try:
                await self.deliver(subscription, events)
            except Exception as error:  # noqa: BLE001 - the broker has no place for the event but this one
                await self._wait(subscription, attempt, error)
            else:
                return

    async def _deliver_one(self, subscription: Subscription, event: EventEnvelope) -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                await subscription.handle([event])
            except Exception as error:
                if attempt < MAX_ATTEMPTS:
                    await self._wait(subscription, attempt, error)
                elif isinstance(error, ServiceUnavailable):
                    raise
                else:
                    await subscription.dead_letter(event, error, attempt)
                    self.observer.on_dead_letter(subscription.consumer, event, attempt, error)
            else:
                return

    async def _wait(self, subscription: Subscription, attempt: int, error: Exception) -> None:
        delay = self.backoff.delay(attempt)
        self.observer.on_retry(subscription.consumer, attempt, delay, error)
        await asyncio.sleep(delay)


@dataclass(slots=True)
class InProcessBus:
    """Delivers within the process.

    It stores no events, so `publish` returns after all deliveries. After a crash, the outbox publishes again.
    """

    delivery: Delivery = field(default_factory=Delivery)
    subscriptions: list[Subscription] = field(default_factory=list)
    _deliveries: set[asyncio.Task[None]] = field(default_factory=set)
    _is_stopped: bool = False

    def subscribe(self, subscription: Subscription) -> None:
        """Add a consumer."""
        self.subscriptions.append(subscription)

    async def start(self) -> None:
        """Accept events."""
        self._is_stopped = False

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Deliver events to every consumer, in order."""
        if self._is_stopped:
            raise ServiceUnavailable("publish events: the bus is stopped")
        async with asyncio.TaskGroup() as group:
            for subscription in self.subscriptions:
                if matching := subscription.select(events):
                    task = group.create_task(self.delivery.deliver(subscription, matching))
                    self._deliveries.add(task)
                    task.add_done_callback(self._deliveries.discard)

    async def stop(self) -> None:
        """Refuse events from now on; return when the deliveries in progress have ended."""
        self._is_stopped = True
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    @property
    def generation(self) -> int:
        """Always the same: nothing is stored."""
        return 0

    async def position(self, source: str) -> Position | None:  # noqa: ARG002 - the same for each
        """Return None: nothing is stored."""
        return None

    async def check(self) -> str:
        """Return what the bus is."""
        if self._is_stopped:
            raise ServiceUnavailable("the bus is stopped")
        return "in process"
