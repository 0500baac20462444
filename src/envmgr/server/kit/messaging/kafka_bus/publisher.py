"""Publishing of one source's events, in order.

Kafka has no conditional append. A publisher states the offset that it expects for each record (see `records`) and
compares it with the offset in the acknowledgement: other offsets mean that another process published, or that the
broker lost records, and readers ignore what was appended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import Position
from envmgr.server.kit.messaging.cloud_events import encode
from envmgr.server.kit.messaging.kafka_bus.clients import (
    MAX_EVENT_BYTES,
    begin_closing,
    close_all,
    create_producer,
    start,
)
from envmgr.server.kit.messaging.kafka_bus.records import PARTITION, headers
from envmgr.server.kit.messaging.kafka_bus.tail import Tail, read_tail
from envmgr.server.kit.messaging.positions import events_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import AIOKafkaProducer

    from envmgr.server.kit.common.events import EventEnvelope

ACKNOWLEDGEMENT_TIMEOUT_SECONDS = 10.0


class Publisher:
    """Publishes the events of one service."""

    def __init__(self, options: dict[str, Any], topic: str) -> None:
        self.topic = topic
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self._tail: Tail | None = None

    @property
    def end(self) -> int:
        """The offset up to which the broker is known to have records."""
        return self._tail.end if self._tail else 0

    async def position(self) -> Position:
        """Return the newest event in the topic."""
        self._tail = await read_tail(self._options, self.topic)
        return self._tail.position

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Append the events that the topic has not; return when the broker has stored them all."""
        tail, self._tail = self._tail or await read_tail(self._options, self.topic), None
        if missing := events_after(tail.position, events):
            await self._append(tail.end, missing)
            last = missing[-1]
            tail = Tail(tail.end + len(missing), Position(last.sequence, last.id))
        self._tail = tail

    async def close(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer:
            await close_all([producer])

    def _discard_producer(self) -> None:
        """Have the next call create a producer: this one's sequence numbers may not be those of the broker."""
        producer, self._producer = self._producer, None
        if producer:
            begin_closing([producer])

    async def _append(self, end: int, events: Sequence[EventEnvelope]) -> None:
        values = [_encode(event) for event in events]
        try:
            async with asyncio.timeout(ACKNOWLEDGEMENT_TIMEOUT_SECONDS):
                offsets = await self._send(end, events[0].source.encode(), values)
        except BaseException:
            self._discard_producer()
            raise
        expected = range(end, end + len(values))
        for offset, expected_offset in zip(offsets, expected, strict=True):
            if offset != expected_offset:
                raise ServiceUnavailable(
                    f"publish to {self.topic}: expected offset {expected_offset}, the broker answered {offset}; "
                    "another process publishes, or the broker lost records"
                )

    async def _send(self, end: int, key: bytes, values: Sequence[bytes]) -> list[int]:
        """Send all records, in order; return their offsets; raise the first error."""
        producer = self._producer
        if producer is None:
            producer = self._producer = create_producer(self._options)
            await start(producer)
        acks: list[asyncio.Future[Any]] = []
        try:
            for offset, value in enumerate(values, end):
                ack = await producer.send(
                    self.topic, value=value, key=key, partition=PARTITION, headers=headers(offset)
                )
                acks.append(ack)
            return [metadata.offset for metadata in await asyncio.gather(*acks)]
        finally:
            for ack in acks:
                ack.cancel()


def _encode(event: EventEnvelope) -> bytes:
    value = encode(event)
    if len(value) > MAX_EVENT_BYTES:
        raise ServiceUnavailable(
            f"publish event {event.sequence} of {event.service}: {len(value)} bytes exceed the limit of "
            f"{MAX_EVENT_BYTES}"
        )
    return value
