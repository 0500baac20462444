"""Names on the broker: `<prefix>.<service>.<Type>` for subjects, `<prefix>-<service>` for streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.messaging.bus import ALL_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.kit.common.events import EventEnvelope

_SEPARATOR = "_by_"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one installation, all with its prefix."""

    prefix: str

    @property
    def lease_bucket(self) -> str:
        """The key-value bucket of the leases."""
        return f"{self.prefix}-leases"

    def stream(self, service: str) -> str:
        """Return the stream of a service's events."""
        return f"{self.prefix}-{service}"

    def all_subjects(self, service: str) -> str:
        """Return the pattern of a service's subjects."""
        return f"{self.prefix}.{service}.>"

    def subject(self, event: EventEnvelope) -> str:
        """Return the subject of an event."""
        return f"{self.prefix}.{event.service}.{event.type}"

    def filters(self, service: str, types: Iterable[str]) -> list[str]:
        """Return the subjects of a service's events of some types."""
        if ALL_TYPES in types:
            return [self.all_subjects(service)]
        return [f"{self.prefix}.{service}.{type_}" for type_ in sorted(types)]


def new_durable(consumer: str) -> str:
    """Return a durable's name that was never used: what a former owner still requests finds nothing."""
    return f"{consumer}{_SEPARATOR}{uuid7()}"


def consumer_of(durable: str) -> str:
    """Return the consumer of a durable."""
    return durable.rpartition(_SEPARATOR)[0]
