"""The bus: carries events from outboxes to whoever subscribed, at least once, in order per resource.

A publisher may forget an event when `publish` has returned. The in-process bus keeps nothing itself, so its
`publish` returns when every consumer has the events, or has buried those it cannot take.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import stamina

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from envmgr.server.kit.common.events import EventEnvelope

ALL_TYPES = "*"
MAX_ATTEMPTS = 5
INITIAL_BACKOFF_SECONDS = 0.05
"""Seconds before the second try, or up to twice as many; each further one waits twice as long."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who takes which types of events, and how.

    `handle` takes events in order and acts on each once (see `kit.inbox`); `bury` keeps one that it failed at
    `TRIES` times, so that the others go on.
    """

    consumer: str
    types: frozenset[str]
    handle: Callable[[Sequence[EventEnvelope]], Awaitable[None]]
    dead_letter: Callable[[EventEnvelope, Exception, int], Awaitable[None]]

    def matches(self, event: EventEnvelope) -> bool:
        """Say whether an event is of a type it takes."""
        return event.type in self.types or ALL_TYPES in self.types


class Bus(Protocol):
    """Carries events."""

    def subscribe(self, subscription: Subscription) -> None:
        """Have events delivered."""
        ...

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Hand events over, in order; return when the publisher may forget them."""
        ...


@dataclass(slots=True)
class InProcessBus:
    """Delivers within the process."""

    subscriptions: list[Subscription] = field(default_factory=list)
    initial_backoff: float = INITIAL_BACKOFF_SECONDS

    def subscribe(self, subscription: Subscription) -> None:
        """Have events delivered."""
        self.subscriptions.append(subscription)

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Hand events over, in order; return when every consumer has taken or buried them."""
        async with asyncio.TaskGroup() as group:
            for subscription in self.subscriptions:
                wanted = [event for event in events if subscription.matches(event)]
                if wanted:
                    group.create_task(self._deliver(subscription, wanted))

    async def _deliver(self, subscription: Subscription, events: Sequence[EventEnvelope]) -> None:
        try:
            await subscription.handle(events)
        except Exception:  # noqa: BLE001 - which one it was, and why, shows when they come one by one
            for event in events:
                await self._deliver_one(subscription, event)

    async def _deliver_one(self, subscription: Subscription, event: EventEnvelope) -> None:
        patiently = stamina.AsyncRetryingCaller(
            attempts=MAX_ATTEMPTS,
            wait_initial=self.initial_backoff,
            wait_jitter=self.initial_backoff,
            timeout=None,
        )
        try:
            await patiently(Exception, subscription.handle, [event])
        except ServiceUnavailable:
            # A database that is away for now is no poison: nothing is buried, and the relay comes again.
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others must go on
            await subscription.dead_letter(event, error, MAX_ATTEMPTS)
