"""The bus: carries events from outboxes to whoever subscribed, at least once, in order per resource.

A publisher may forget an event when `publish` has returned. The in-process bus keeps nothing itself, so its
`publish` returns when every consumer has the events, or has buried those it cannot take.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import stamina

from envmgr.server.kit.common.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from envmgr.server.kit.common.events import Event

EVERYTHING = "*"
TRIES = 5
FIRST_WAIT = 0.05
"""Seconds before the second try, or up to twice as many; each further one waits twice as long."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who takes which types of events, and how.

    `handle` takes events in order and acts on each once (see `kit.inbox`); `bury` keeps one that it failed at
    `TRIES` times, so that the others go on.
    """

    consumer: str
    types: frozenset[str]
    handle: Callable[[Sequence[Event]], Awaitable[None]]
    bury: Callable[[Event, Exception, int], Awaitable[None]]

    def wants(self, event: Event) -> bool:
        """Say whether an event is of a type it takes."""
        return event.type in self.types or EVERYTHING in self.types


class Bus(Protocol):
    """Carries events."""

    def subscribe(self, subscription: Subscription) -> None:
        """Have events delivered."""
        ...

    async def publish(self, events: Sequence[Event]) -> None:
        """Hand events over, in order; return when the publisher may forget them."""
        ...


@dataclass(slots=True)
class InProcessBus:
    """Delivers within the process."""

    subscriptions: list[Subscription] = field(default_factory=list)
    first_wait: float = FIRST_WAIT

    def subscribe(self, subscription: Subscription) -> None:
        """Have events delivered."""
        self.subscriptions.append(subscription)

    async def publish(self, events: Sequence[Event]) -> None:
        """Hand events over, in order; return when every consumer has taken or buried them."""
        async with asyncio.TaskGroup() as group:
            for subscription in self.subscriptions:
                wanted = [event for event in events if subscription.wants(event)]
                if wanted:
                    group.create_task(self._deliver(subscription, wanted))

    async def _deliver(self, subscription: Subscription, events: Sequence[Event]) -> None:
        try:
            await subscription.handle(events)
        except Exception:  # noqa: BLE001 - which one it was, and why, shows when they come one by one
            for event in events:
                await self._deliver_one(subscription, event)

    async def _deliver_one(self, subscription: Subscription, event: Event) -> None:
        patiently = stamina.AsyncRetryingCaller(
            attempts=TRIES, wait_initial=self.first_wait, wait_jitter=self.first_wait, timeout=None
        )
        try:
            await patiently(Exception, subscription.handle, [event])
        except Unavailable:
            # A database that is away for now is no poison: nothing is buried, and the relay comes again.
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others must go on
            await subscription.bury(event, error, TRIES)
