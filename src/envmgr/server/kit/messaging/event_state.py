"""State of a service's events, as other processes read it: its outbox, and its consumers' offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.messaging.outbox import Outbox


class ConsumerState(Struct, frozen=True):
    """A consumer: its types of events, and its offsets by the service that emitted them."""

    name: str
    types: tuple[str, ...]
    offsets: dict[str, int]


class EventState(Struct, frozen=True):
    """The state of a service's events at one moment."""

    latest_sequence: int
    """Sequence of the newest event that the service emitted."""
    reported_offsets: dict[str, int]
    """By consumer: the highest offset in this service's events that it ever reported."""
    consumers: tuple[ConsumerState, ...]


class Subscriber(Protocol):
    """A consumer and the types of events that it takes."""

    @property
    def consumer(self) -> str:
        """Return its name."""
        ...

    @property
    def types(self) -> frozenset[str]:
        """Return the types."""
        ...


class Consumers(Protocol):
    """The consumers of one service, of this process or of another."""

    @property
    def service(self) -> str:
        """Return the service."""
        ...

    @property
    def is_known(self) -> bool:
        """Return whether their offsets are known; if not, nothing is known to be consumed."""
        ...

    @property
    def subscriptions(self) -> Sequence[Subscriber]:
        """Return the consumers that the bus delivers to."""
        ...

    async def offsets(self, consumer: str) -> Mapping[str, int]:
        """Return a consumer's offsets by service."""
        ...

    async def offsets_in(self, service: str) -> Mapping[str, int]:
        """Return the offsets that subscribed consumers have in the events of a service."""
        ...


class EventSource(Protocol):
    """The record that a service, of this process or of another, has of its consumers."""

    @property
    def service(self) -> str:
        """Return the service."""
        ...

    async def consumed_sequence(self, consumer: str) -> int | None:
        """Return the highest offset that a consumer ever reported; None if the service cannot be asked."""
        ...


async def read_event_state(outbox: Outbox, consumers: DeadLetters) -> EventState:
    """Return the state of a service.

    Offsets are read before the newest sequence, as nothing has consumed what was not emitted.
    """
    return EventState(
        reported_offsets=dict(await outbox.consumed_sequences()),
        consumers=tuple(
            [await _consumer_state(consumers, subscription) for subscription in consumers.subscriptions]
        ),
        latest_sequence=await outbox.latest_sequence(),
    )


async def _consumer_state(consumers: DeadLetters, subscription: Subscription) -> ConsumerState:
    offsets = await consumers.offsets(subscription.consumer)
    return ConsumerState(subscription.consumer, tuple(sorted(subscription.types)), dict(offsets))
