"""Reading of one source for one consumer: fetch, deliver, commit; strictly in order.

A committed offset carries the digest of the record before it. A reader begins with this record: if it is another one,
the broker lost records, and the reader begins with the oldest; consumers act once on what they receive again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka.errors import CommitFailedError, IllegalStateError

from envmgr.server.kit.messaging.cloud_events import InvalidEvent
from envmgr.server.kit.messaging.kafka_bus.cursor import Cursor
from envmgr.server.kit.messaging.kafka_bus.records import digest, event_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.messaging.bus import Delivery, Subscription
    from envmgr.server.kit.messaging.kafka_bus.records import Record

BATCH_SIZE = 256
_POLL_MS = 1000


class Reader:
    """Delivers the events of one topic to one consumer, while its process is assigned the topic."""

    def __init__(
        self,
        client: AIOKafkaConsumer,
        partition: TopicPartition,
        subscription: Subscription,
        delivery: Delivery,
    ) -> None:
        self.cursor = Cursor(partition.topic)
        self._client = client
        self._partition = partition
        self._subscription = subscription
        self._delivery = delivery
        self._busy = asyncio.Lock()

    @property
    def is_delivering(self) -> bool:
        """Return whether the consumer has events of which the next ones must wait."""
        return self._busy.locked()

    async def run(self, admin: AIOKafkaAdminClient, group: str) -> None:
        """Deliver events until cancelled, or until another process is assigned the topic.

        Raise KafkaError, LogReplaced.
        """
        try:
            await self._find_start(admin, group)
            while True:
                records = await self._fetch(BATCH_SIZE)
                async with self._busy:
                    await self._process(records)
        except (CommitFailedError, IllegalStateError):
            return

    async def finish(self) -> None:
        """Wait for the delivery in progress, and allow none after it."""
        await self._busy.acquire()

    async def _find_start(self, admin: AIOKafkaAdminClient, group: str) -> None:
        """Move to the record after the committed ones, or to the oldest if the committed ones are lost."""
        committed = (await admin.list_consumer_group_offsets(group, partitions=[self._partition]))[
            self._partition
        ]
        end = self.cursor.end = (await self._client.end_offsets([self._partition]))[self._partition]
        if 0 < committed.offset <= end:
            self._client.seek(self._partition, committed.offset - 1)
            record = await self._fetch_first()
            if record.offset == committed.offset - 1 and digest(record) == committed.metadata:
                self._accept(record)
                return
        await self._client.seek_to_beginning(self._partition)

    async def _fetch_first(self) -> Record:
        while True:
            for record in await self._fetch(1):
                return record

    async def _fetch(self, limit: int) -> Sequence[Record]:
        batch: dict[Any, Sequence[Record]] = await self._client.getmany(
            self._partition, timeout_ms=_POLL_MS, max_records=limit
        )
        return batch.get(self._partition, ())

    async def _process(self, records: Sequence[Record]) -> None:
        if not records:
            return
        accepted = [event for record in records if (event := self._accept(record))]
        if events := self._subscription.select(accepted):
            await self._delivery.deliver_until_done(self._subscription, events)
        await self._client.commit({self._partition: (self.cursor.next_offset, digest(records[-1]))})

    def _accept(self, record: Record) -> EventEnvelope | None:
        """Move to a record and return its event, if it is one; raise LogReplaced."""
        self.cursor.advance(record.offset)
        try:
            event = event_of(record)
        except InvalidEvent as error:
            self._delivery.observer.on_invalid_message(f"{self._partition.topic} {record.offset}", error)
            return None
        self.cursor.accept(event)
        return event
