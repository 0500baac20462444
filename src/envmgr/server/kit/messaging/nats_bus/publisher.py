"""Publishing of one source's events, in order.

Each message states the last sequence that it expects in the stream. A stream that another process wrote to, or that was
replaced by an older or an empty one, refuses it. Of those sent at once, each states the event before it, too: where
another client has written, the last sequence may be what a later one expects, although the first was refused.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nats.js.errors import NotFoundError

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import Position
from envmgr.server.kit.messaging.cloud_events import InvalidEvent, encode
from envmgr.server.kit.messaging.nats_bus.records import event_headers, event_of
from envmgr.server.kit.messaging.positions import events_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.js import JetStreamContext
    from nats.js.api import PubAck

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.messaging.nats_bus.names import Names

ACKNOWLEDGEMENT_TIMEOUT_SECONDS = 10.0
MAX_FOREIGN_MESSAGES = 1000
"""Messages of other clients at the end of a stream that are searched for the newest event."""


@dataclass(frozen=True, slots=True)
class _Tail:
    """The end of the stream: its last sequence, and the event there."""

    stream_sequence: int
    position: Position


class Publisher:
    """Publishes the events of one service, over one connection."""

    def __init__(self, jetstream: JetStreamContext, names: Names, service: str, max_payload: int) -> None:
        self._jetstream = jetstream
        self._names = names
        self._stream = names.stream(service)
        self._max_payload = max_payload
        self._tail: _Tail | None = None

    async def position(self) -> Position:
        """Return the newest event in the stream."""
        self._tail = await self._read_tail()
        return self._tail.position

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Append the events that the stream has not; return when the broker has stored them all."""
        tail, self._tail = self._tail or await self._read_tail(), None
        if missing := events_after(tail.position, events):
            acks = await self._send(tail.stream_sequence, missing)
            if any(ack.duplicate for ack in acks):
                # A purged stream remembers the ids of what it lost.
                raise ServiceUnavailable(f"publish to {self._stream}: an event was refused as a duplicate")
            last = missing[-1]
            tail = _Tail(acks[-1].seq, Position(last.sequence, last.id))
        self._tail = tail

    async def _send(self, last: int, events: Sequence[EventEnvelope]) -> list[PubAck]:
        """Send all events at once, in order, and return the broker's acknowledgements; raise the first error."""
        # Not `publish_async`, which never ends where the broker refuses a message (nats-py 2.16).
        previous_ids = ["", *(event.id for event in events)]
        acks = await asyncio.gather(
            *(
                self._send_one(event, event_headers(event, expected, previous_id))
                for expected, (event, previous_id) in enumerate(zip(events, previous_ids, strict=False), last)
            ),
            return_exceptions=True,
        )
        for ack in acks:
            if isinstance(ack, BaseException):
                raise ack
        return [ack for ack in acks if not isinstance(ack, BaseException)]

    async def _send_one(self, event: EventEnvelope, headers: dict[str, str]) -> PubAck:
        return await self._jetstream.publish(
            self._names.subject(event),
            self._encode(event),
            timeout=ACKNOWLEDGEMENT_TIMEOUT_SECONDS,
            headers=headers,
        )

    def _encode(self, event: EventEnvelope) -> bytes:
        message = encode(event)
        if len(message) > self._max_payload:
            raise ServiceUnavailable(
                f"publish event {event.sequence} of {event.service}: {len(message)} bytes exceed the broker's "
                f"max_payload of {self._max_payload}; raise max_payload"
            )
        return message

    async def _read_tail(self) -> _Tail:
        """Search backwards for the last message of a publisher."""
        state = (await self._jetstream.stream_info(self._stream)).state
        first = max(state.first_seq, state.last_seq - MAX_FOREIGN_MESSAGES, 1)
        for number in range(state.last_seq, first - 1, -1):
            if position := await self._read_position(number):
                return _Tail(state.last_seq, position)
        return _Tail(state.last_seq, Position())

    async def _read_position(self, number: int) -> Position | None:
        """Return the position of the event in a message; None if it is deleted, or not of a publisher."""
        try:
            message = await self._jetstream.get_msg(self._stream, seq=number)
            event = event_of(message.data, message.headers, number)
        except (NotFoundError, InvalidEvent):
            return None
        return Position(event.sequence, event.id)
