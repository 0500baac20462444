"""Progress of a reader in a topic's log, and detection of a log that lost records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envmgr.server.kit.common.events import EventEnvelope


class LogReplaced(Exception):
    """The broker lost records: the log does not continue where it was read last."""


@dataclass(slots=True)
class Cursor:
    """The last record that was read, and the sequence of the last event; both unknown at first."""

    topic: str
    offset: int = -1
    sequence: int = 0
    end: int = 0
    """Where the log ended at first; before, it may lack events that every consumer had when the broker lost them."""

    @property
    def next_offset(self) -> int:
        """The offset of the next record."""
        return self.offset + 1

    def advance(self, offset: int) -> None:
        """Move to a record; raise LogReplaced if it was read before."""
        if offset <= self.offset:
            raise LogReplaced(f"{self.topic}: offset {offset} follows offset {self.offset}")
        self.offset = offset

    def accept(self, event: EventEnvelope) -> None:
        """Move to the event of the record; raise LogReplaced if events before it are missing.

        An event that was read before is none: the relay publishes again what the broker lost.
        """
        is_new = self.offset >= self.end
        if is_new and self.sequence and event.sequence > self.sequence + 1:
            raise LogReplaced(f"{self.topic}: event {event.sequence} follows event {self.sequence}")
        self.sequence = event.sequence
