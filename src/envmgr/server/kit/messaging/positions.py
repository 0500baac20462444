"""Comparison of what a broker has with what is to be published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.messaging.bus import Position


def events_after(position: Position, events: Sequence[EventEnvelope]) -> Sequence[EventEnvelope]:
    """Return the events after a broker's position; raise ServiceUnavailable if it stored others."""
    if position.sequence < events[0].sequence:
        return events
    for number, event in enumerate(events):
        if (event.sequence, event.id) == (position.sequence, position.event_id):
            return events[number + 1 :]
    raise ServiceUnavailable(
        f"publish event {events[0].sequence} of {events[0].service}: the broker has event {position.sequence} "
        "of another installation or database"
    )
