"""A bus over a broker (implements `bus.Bus`), as a series of sessions.

A session is one connection to the broker. It declares what it needs, publishes and consumes, and ends with the first
error; the next one starts from what the broker then has.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.failures import describe
from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from contextlib import AbstractAsyncContextManager

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.messaging.bus import DeliveryObserver, Position, Subscription

_T = TypeVar("_T")
FINISH_TIMEOUT_SECONDS = 1.5
"""Seconds for deliveries in progress at the end; the broker repeats those that take longer."""
CANCEL_INTERVAL_SECONDS = 0.2
STOPPED = "the bus is stopped"
BACKOFF = Backoff(initial_seconds=0.1, max_seconds=5.0)
"""Between failed sessions."""


class Session(Protocol):
    """One connection to the broker, which publishes and consumes."""

    async def run(self) -> None:
        """Deliver events until cancelled; raise what ends the session."""
        ...

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Append events of one source; return when the broker has them."""
        ...

    async def position(self, source: str) -> Position:
        """Return the newest stored event of a source."""
        ...

    async def finish(self) -> None:
        """End deliveries after those in progress."""
        ...

    async def close(self) -> None:
        """Disconnect; harmless if repeated."""
        ...


class Broker(Protocol):
    """A broker that sessions connect to."""

    @property
    def name(self) -> str:
        """The name of its protocol, for messages."""
        ...

    @property
    def address(self) -> str:
        """Its address without credentials, for messages."""
        ...

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The errors of its client."""
        ...

    def connect(self, subscriptions: Sequence[Subscription]) -> AbstractAsyncContextManager[Session]:
        """Return a context with a new session."""
        ...


@dataclass(slots=True)
class BrokerBus:
    """Carries events through a broker, one session after another."""

    broker: Broker
    observer: DeliveryObserver
    backoff: Backoff = BACKOFF
    subscriptions: list[Subscription] = field(default_factory=list)
    _session: Session | None = None
    _task: asyncio.Task[None] | None = None
    _calls: set[asyncio.Task[Any]] = field(default_factory=set)
    """Requests that wait for the broker; they end with the session."""
    _generation: int = 0
    _attempted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first session is connected, or has failed."""
    _reason: str = STOPPED

    def subscribe(self, subscription: Subscription) -> None:
        """Add a consumer."""
        self.subscriptions.append(subscription)

    async def start(self) -> None:
        """Connect, and go on connecting; return after the first attempt."""
        self._attempted.clear()
        self._task = asyncio.create_task(self._run(), name=self.broker.name)
        await self._attempted.wait()

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Append events of one source."""
        await self._call(self._require_session().publish(events))

    @property
    def generation(self) -> int:
        """The number of the session."""
        return self._generation

    async def position(self, source: str) -> Position | None:
        """Return the newest stored event of a source."""
        return await self._call(self._require_session().position(source))

    async def check(self) -> str:
        """Return which broker is connected."""
        self._require_session()
        return f"{self.broker.name} at {self.broker.address}"

    async def stop(self) -> None:
        """End deliveries after those in progress, and disconnect."""
        task, self._task = self._task, None
        session, self._session, self._reason = self._session, None, STOPPED
        if session:
            with suppress(TimeoutError):
                async with asyncio.timeout(FINISH_TIMEOUT_SECONDS):
                    await session.finish()
            await self._cancel_calls()
            await session.close()
        while task and not task.done():
            # Repeatedly: a client may swallow a cancellation while it connects or disconnects.
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_INTERVAL_SECONDS)

    async def _call(self, request: Coroutine[Any, Any, _T]) -> _T:
        """Return a request's result; raise ServiceUnavailable for every error, also if the session ends."""
        task = asyncio.create_task(request)
        self._calls.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not task.cancelled() or _is_cancelled():
                raise
            raise self._unavailable(self._reason) from None
        except self.broker.errors as error:
            raise self._unavailable(describe(error)) from error
        finally:
            self._calls.discard(task)

    async def _cancel_calls(self) -> None:
        """End the requests that wait for the broker; their callers get ServiceUnavailable."""
        calls = set(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _require_session(self) -> Session:
        if self._session is None:
            raise self._unavailable(self._reason)
        return self._session

    def _unavailable(self, reason: str) -> ServiceUnavailable:
        return ServiceUnavailable(f"{self.broker.name} at {self.broker.address}: {reason}")

    def _is_running(self) -> bool:
        return self._task is not None

    async def _run(self) -> None:
        failures = 0
        while self._is_running():
            generation = self._generation
            try:
                await self._run_session()
            except Exception as error:  # noqa: BLE001 - any error ends this session, and the next one starts
                if not self._is_running():
                    return
                failures = failures + 1 if generation == self._generation else 1
                delay = self.backoff.delay(failures)
                self._reason = f"not connected: {describe(error)}"
                self.observer.on_disconnected(self.broker.address, delay, error)
                self._attempted.set()
                await asyncio.sleep(delay)

    async def _run_session(self) -> None:
        """Serve one session until it fails."""
        async with self.broker.connect(self.subscriptions) as session:
            self._generation += 1
            self._session = session
            self.observer.on_connected(self.broker.address)
            self._attempted.set()
            try:
                await session.run()
            finally:
                self._session = None
                await self._cancel_calls()


def _is_cancelled() -> bool:
    """Return whether the running task itself is cancelled, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
