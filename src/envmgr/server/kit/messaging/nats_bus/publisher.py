"""Publishing of one source's events, in order.

Each message states the last sequence that it expects in the stream. A stream that another process wrote to, or that was
replaced by an older or an empty one, refuses it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nats.js.errors import NotFoundError

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import Position
from envmgr.server.kit.messaging.cloud_events import InvalidEvent, encode
from envmgr.server.kit.messaging.nats_bus.appending import (
    MIN_BATCH_MESSAGES,
    BatchIncomplete,
    Message,
    append_batch,
    append_separately,
    can_batch,
)
from envmgr.server.kit.messaging.nats_bus.records import MAX_HEADERS_BYTES, event_of
from envmgr.server.kit.messaging.positions import events_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.messaging.nats_bus.names import Names

MAX_FOREIGN_MESSAGES = 1000
"""Messages of other clients at the end of a stream that are searched for the newest event."""


@dataclass(frozen=True, slots=True)
class _Tail:
    """The end of the stream: its last sequence, the event there, and whether it takes atomic batches."""

    stream_sequence: int
    position: Position
    takes_batches: bool


class Publisher:
    """Publishes the events of one service, over one connection."""

    def __init__(self, client: Client, names: Names, service: str) -> None:
        self._client = client
        self._jetstream = client.jetstream()
        self._names = names
        self._stream = names.stream(service)
        self._tail: _Tail | None = None

    async def position(self) -> Position:
        """Return the newest event in the stream."""
        self._tail = await self._read_tail()
        return self._tail.position

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Append the events that the stream has not; return when the broker has stored them all."""
        tail, self._tail = self._tail or await self._read_tail(), None
        if missing := events_after(tail.position, events):
            last = missing[-1]
            sequence = await self._append(tail, missing)
            tail = replace(tail, stream_sequence=sequence, position=Position(last.sequence, last.id))
        self._tail = tail

    async def _append(self, tail: _Tail, events: Sequence[EventEnvelope]) -> int:
        """Append events after the last message; return the sequence of the new last one."""
        messages = [Message(self._names.subject(event), event, self._encode(event)) for event in events]
        if tail.takes_batches and len(messages) >= MIN_BATCH_MESSAGES:
            with suppress(BatchIncomplete):
                return await append_batch(self._client, messages, tail.stream_sequence)
        return await append_separately(self._jetstream, messages, tail.stream_sequence)

    def _encode(self, event: EventEnvelope) -> bytes:
        message = encode(event)
        if len(message) + MAX_HEADERS_BYTES > self._client.max_payload:
            raise ServiceUnavailable(
                f"publish event {event.sequence} of {event.service}: {len(message)} bytes exceed the broker's "
                f"max_payload of {self._client.max_payload}; raise max_payload"
            )
        return message

    async def _read_tail(self) -> _Tail:
        """Search backwards for the last message of a publisher."""
        info = await self._jetstream.stream_info(self._stream)
        state = info.state
        takes_batches = bool(info.config.allow_atomic) and can_batch(self._client.connected_server_version)
        first = max(state.first_seq, state.last_seq - MAX_FOREIGN_MESSAGES, 1)
        for number in range(state.last_seq, first - 1, -1):
            if position := await self._read_position(number):
                return _Tail(state.last_seq, position, takes_batches)
        return _Tail(state.last_seq, Position(), takes_batches)

    async def _read_position(self, number: int) -> Position | None:
        """Return the position of the event in a message; None if it is deleted, or not of a publisher."""
        try:
            message = await self._jetstream.get_msg(self._stream, seq=number)
            event = event_of(message.data, message.headers, number)
        except (NotFoundError, InvalidEvent):
            return None
        return Position(event.sequence, event.id)
