"""Events of a service that were lost, and the event that records their loss."""

from __future__ import annotations

from dataclasses import dataclass

from envmgr.server.contracts.events.recovery import SequenceGapRecorded
from envmgr.server.kit.common.events import DomainEvent


@dataclass(frozen=True, slots=True)
class EventRange:
    """Events of a service by their sequence, both ends included."""

    service: str
    first: int
    last: int

    def loss_event(self, actor: str) -> DomainEvent:
        """Return the event by which the audit log gets a record of the loss of these events."""
        return DomainEvent(
            subject=f"service/{self.service}",
            data=SequenceGapRecorded(service=self.service, first=self.first, last=self.last),
            actor=actor,
        )
