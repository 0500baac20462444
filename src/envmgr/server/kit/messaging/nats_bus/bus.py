"""The bus over NATS JetStream (implements `bus.Bus`).

Each connection is a session: it declares streams, publishes and consumes, and ends with the first error. The next one
starts from what the broker then has. A source has one stream, a subscription one durable consumer in each.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from nats.errors import Error

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.events import service_of
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.nats_bus.connection import Connection, connect, describe
from envmgr.server.kit.messaging.nats_bus.consumer import Consumer, create_consumer
from envmgr.server.kit.messaging.nats_bus.names import Names
from envmgr.server.kit.messaging.nats_bus.publisher import Publisher
from envmgr.server.kit.messaging.nats_bus.streams import declare, declare_leases

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.config.bus_settings import BusSettings
    from envmgr.server.kit.messaging.bus import Delivery, Position, Subscription

_T = TypeVar("_T")
FINISH_TIMEOUT_SECONDS = 1.5
"""Seconds for deliveries in progress at the end; the broker repeats those that take longer."""
CANCEL_INTERVAL_SECONDS = 0.2
STOPPED = "the bus is stopped"
BACKOFF = Backoff(initial_seconds=0.1, max_seconds=5.0)
"""Between failed connections."""


@dataclass(frozen=True, slots=True)
class _Session:
    """Publishers and consumers of one connection."""

    connection: Connection
    publishers: dict[str, Publisher]
    consumers: list[Consumer]
    calls: set[asyncio.Task[Any]] = field(default_factory=set)
    """Requests that wait for the broker; they end with the connection."""


@dataclass(slots=True)
class NatsBus:
    """Carries the events of `services` through a broker.

    `owner` identifies this process to the broker, before and after a restart.
    """

    settings: BusSettings
    services: Sequence[str]
    owner: str
    delivery: Delivery
    subscriptions: list[Subscription] = field(default_factory=list)
    backoff: Backoff = BACKOFF
    _session: _Session | None = None
    _task: asyncio.Task[None] | None = None
    _generation: int = 0
    _attempted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first connection is made, or has failed."""
    _reason: str = STOPPED

    def subscribe(self, subscription: Subscription) -> None:
        """Add a consumer."""
        self.subscriptions.append(subscription)

    async def start(self) -> None:
        """Connect, and go on connecting; return after the first attempt."""
        self._attempted.clear()
        self._task = asyncio.create_task(self._run(), name="nats")
        await self._attempted.wait()

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Append events to their stream."""
        await self._call(events[0].service, lambda publisher: publisher.publish(events))

    @property
    def generation(self) -> int:
        """The number of the connection."""
        return self._generation

    async def position(self, source: str) -> Position | None:
        """Return the newest event in a source's stream."""
        return await self._call(service_of(source), lambda publisher: publisher.position())

    async def check(self) -> str:
        """Return which broker is connected."""
        self._require_session()
        return f"NATS JetStream at {self.settings.address}"

    async def stop(self) -> None:
        """End deliveries after those in progress, and disconnect."""
        task, self._task = self._task, None
        session, self._session, self._reason = self._session, None, STOPPED
        if session:
            with suppress(TimeoutError):
                async with asyncio.timeout(FINISH_TIMEOUT_SECONDS):
                    await asyncio.gather(*(consumer.finish() for consumer in session.consumers))
            await session.connection.close()
        while task and not task.done():
            # Repeatedly: the client swallows a cancellation while it connects or disconnects.
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_INTERVAL_SECONDS)

    async def _call(self, service: str, call: Callable[[Publisher], Coroutine[None, None, _T]]) -> _T:
        """Return a publisher's answer; raise ServiceUnavailable for every error, also if the connection ends."""
        session = self._require_session()
        task = asyncio.create_task(call(session.publishers[service]))
        session.calls.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not task.cancelled() or _is_cancelled():
                raise
            raise ServiceUnavailable(f"NATS at {self.settings.address}: {self._reason}") from None
        except (Error, OSError, TimeoutError) as error:
            raise ServiceUnavailable(f"NATS at {self.settings.address}: {describe(error)}") from error
        finally:
            session.calls.discard(task)

    def _is_running(self) -> bool:
        return self._task is not None

    def _require_session(self) -> _Session:
        if self._session is None:
            raise ServiceUnavailable(f"NATS at {self.settings.address}: {self._reason}")
        return self._session

    async def _run(self) -> None:
        failures = 0
        while self._is_running():
            generation = self._generation
            try:
                await self._run_session()
            except Exception as error:  # noqa: BLE001 - any error ends this session, and the next one starts
                if not self._is_running():
                    return
                cause = _first(error)
                failures = failures + 1 if generation == self._generation else 1
                delay = self.backoff.delay(failures)
                self._reason = f"not connected: {describe(cause)}"
                self.delivery.observer.on_disconnected(self.settings.address, delay, cause)
                self._attempted.set()
                await asyncio.sleep(delay)

    async def _run_session(self) -> None:
        """Serve one connection until it fails."""
        async with connect(self.settings.servers, self.owner) as connection:
            session = await self._open(connection)
            self._generation += 1
            self._session = session
            self.delivery.observer.on_connected(self.settings.address)
            self._attempted.set()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(connection.guard(connection.wait_closed()))
                    for consumer in session.consumers:
                        group.create_task(connection.guard(consumer.run()))
            finally:
                self._session = None
                for call in session.calls:
                    call.cancel()

    async def _open(self, connection: Connection) -> _Session:
        client, names, replicas = connection.client, Names(self.settings.prefix), self.settings.replicas
        jetstream = client.jetstream()
        await declare(jetstream, names, self.services, replicas)
        bucket = await declare_leases(jetstream, names, replicas)
        publishers = {
            service: Publisher(jetstream, names, service, client.max_payload) for service in self.services
        }
        consumers = [
            create_consumer(connection, bucket, names, self.services, subscription, self.delivery, self.owner)
            for subscription in self.subscriptions
        ]
        return _Session(connection, publishers, consumers)


def _is_cancelled() -> bool:
    """Return whether the running task itself is cancelled, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _first(error: BaseException) -> Exception:
    """Return the first error of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else Exception(type(error).__name__)
