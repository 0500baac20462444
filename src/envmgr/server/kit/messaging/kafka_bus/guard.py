"""Detection of a broker that is away, that lost records, or that a client no longer reads from.

The client reconnects by itself and hides all of these.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from envmgr.server.kit.messaging.kafka_bus.cursor import LogReplaced
from envmgr.server.kit.messaging.kafka_bus.records import PARTITION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiokafka import AIOKafkaConsumer
    from aiokafka.admin import AIOKafkaAdminClient

    from envmgr.server.kit.messaging.kafka_bus.member import Member
    from envmgr.server.kit.messaging.kafka_bus.publisher import Publisher
    from envmgr.server.kit.messaging.kafka_bus.reader import Reader

CHECK_INTERVAL_SECONDS = 1.0
ANSWER_TIMEOUT_SECONDS = 5.0
STALL_TIMEOUT_SECONDS = 30.0
"""Seconds that a reader may fetch nothing although there are records."""


class BrokerSilent(Exception):
    """The broker did not answer in time."""


class ReaderStalled(Exception):
    """The client fetches nothing although there are records."""


class Guard:
    """Compares the ends of the logs with what publishers and readers know of them."""

    def __init__(
        self,
        admin: AIOKafkaAdminClient,
        client: AIOKafkaConsumer,
        group: str,
        publishers: Sequence[Publisher],
        members: Sequence[Member],
    ) -> None:
        self._admin = admin
        self._client = client
        self._group = group
        self._publishers = publishers
        self._members = members
        self._stalls: dict[Reader, tuple[int, float]] = {}
        """Readers with records to fetch: their offset, and when they were first seen there."""

    async def run(self) -> None:
        """Check until cancelled; raise KafkaError, BrokerSilent, LogReplaced, ReaderStalled."""
        while True:
            past_ends = self._known_ends()
            readers = {reader: reader.cursor.next_offset for reader in self._readers()}
            ends = await self._fetch_ends()
            require_ends(past_ends, ends)
            self._require_progress(readers, ends, asyncio.get_running_loop().time())
            await asyncio.sleep(CHECK_INTERVAL_SECONDS)

    def _readers(self) -> Iterable[Reader]:
        for member in self._members:
            yield from member.readers

    def _known_ends(self) -> dict[str, int]:
        """Return by topic up to which offset the broker has had records."""
        past_ends = {publisher.topic: publisher.end for publisher in self._publishers}
        for reader in self._readers():
            past_ends[reader.cursor.topic] = max(past_ends[reader.cursor.topic], reader.cursor.next_offset)
        return past_ends

    async def _fetch_ends(self) -> Mapping[str, int]:
        partitions = [TopicPartition(publisher.topic, PARTITION) for publisher in self._publishers]
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                await self._admin.find_coordinator(self._group)  # fails at once without a connection
                ends = await self._client.end_offsets(partitions)
        except TimeoutError as error:
            raise BrokerSilent(f"no answer in {ANSWER_TIMEOUT_SECONDS:g} s") from error
        return {partition.topic: offset for partition, offset in ends.items()}

    def _require_progress(self, offsets: Mapping[Reader, int], ends: Mapping[str, int], now: float) -> None:
        """Raise ReaderStalled if a reader that waits for records has not fetched those that exist."""
        stalls = {}
        for reader, offset in offsets.items():
            if offset < ends[reader.cursor.topic] and not reader.is_delivering:
                last_offset, since = self._stalls.get(reader, (offset, now))
                stalls[reader] = (offset, since if last_offset == offset else now)
                if now - stalls[reader][1] > STALL_TIMEOUT_SECONDS:
                    raise ReaderStalled(f"{reader.cursor.topic}: nothing fetched after offset {offset}")
        self._stalls = stalls


def require_ends(past_ends: Mapping[str, int], ends: Mapping[str, int]) -> None:
    """Raise LogReplaced if a log ends before records that the broker has had."""
    for topic, end in past_ends.items():
        if ends[topic] < end:
            raise LogReplaced(f"{topic}: ends at offset {ends[topic]}, ended at {end}")
