"""The end of a topic's log: where it ends, and the newest event in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from envmgr.server.kit.messaging.bus import Position
from envmgr.server.kit.messaging.cloud_events import InvalidEvent
from envmgr.server.kit.messaging.kafka_bus.clients import close_all, create_log_reader, start
from envmgr.server.kit.messaging.kafka_bus.records import PARTITION, event_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka import AIOKafkaConsumer

    from envmgr.server.kit.messaging.kafka_bus.records import Record

READ_TIMEOUT_SECONDS = 10.0
_POLL_MS = 500
_WINDOW_FACTOR = 16


@dataclass(frozen=True, slots=True)
class Tail:
    """The offset of the next record, and the newest event."""

    end: int
    position: Position


async def read_tail(options: dict[str, Any], topic: str) -> Tail:
    """Return the end of a topic; raise KafkaError, TimeoutError."""
    partition = TopicPartition(topic, PARTITION)
    client = create_log_reader(options)
    client.assign([partition])
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            await start(client)
            return await _read_tail(client, partition)
    finally:
        await close_all([client])


async def _read_tail(client: AIOKafkaConsumer, partition: TopicPartition) -> Tail:
    """Search backwards, in windows of growing size, for the last record that is an event."""
    first = (await client.beginning_offsets([partition]))[partition]
    end = (await client.end_offsets([partition]))[partition]
    window_end, size = end, 1
    while window_end > first:
        window_start = max(first, window_end - size)
        if position := _last_position(await _read(client, partition, window_start, window_end)):
            return Tail(end, position)
        window_end, size = window_start, size * _WINDOW_FACTOR
    return Tail(end, Position())


async def _read(client: AIOKafkaConsumer, partition: TopicPartition, start: int, end: int) -> list[Record]:
    """Return the records from one offset up to another."""
    records: list[Record] = []
    client.seek(partition, start)
    while not records or records[-1].offset < end - 1:
        batch = await client.getmany(partition, timeout_ms=_POLL_MS)
        records += batch.get(partition, [])
    return [record for record in records if start <= record.offset < end]


def _last_position(records: Iterable[Record]) -> Position | None:
    position = None
    for record in records:
        try:
            event = event_of(record)
        except InvalidEvent:
            continue
        position = Position(event.sequence, event.id)
    return position
