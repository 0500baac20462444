"""Membership of a process in a consumer's group: which topics it reads, and until when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from envmgr.server.kit.messaging.kafka_bus.clients import close_all, start
from envmgr.server.kit.messaging.kafka_bus.reader import Reader
from envmgr.server.kit.messaging.kafka_bus.records import PARTITION

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from aiokafka import AIOKafkaConsumer
    from aiokafka.admin import AIOKafkaAdminClient

    from envmgr.server.kit.messaging.bus import Delivery, Subscription

JOIN_TIMEOUT_SECONDS = 60.0
"""Seconds for a group to assign topics, far longer than its timeouts; the client may be stuck then."""
CHECK_INTERVAL_SECONDS = 1.0
REVOCATION_TIMEOUT_SECONDS = 3.0
"""Seconds for deliveries in progress when topics are revoked; the next owner repeats those that take longer."""


class MembershipLost(Exception):
    """The group assigned nothing in time."""


class Member:
    """A member of the group of one subscription, with a reader for each topic that it is assigned."""

    def __init__(
        self,
        client: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        group: str,
        subscription: Subscription,
        delivery: Delivery,
    ) -> None:
        self.readers: list[Reader] = []
        self._client = client
        self._admin = admin
        self._group = group
        self._subscription = subscription
        self._delivery = delivery
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._deadline: asyncio.TimerHandle | None = None

    async def run(self, topics: Sequence[str]) -> None:
        """Read what the group assigns, until cancelled; raise what a reader raises, or MembershipLost."""
        await start(self._client)
        self._client.subscribe(topics, listener=self)
        self._expect_assignment()
        await asyncio.gather(self._watch_group(), self._failure)

    async def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        """End the readers: after the deliveries in progress, if these end soon."""
        self._expect_assignment()
        await asyncio.wait(
            [asyncio.ensure_future(self.finish())],
            timeout=REVOCATION_TIMEOUT_SECONDS,
        )
        await self._cancel_readers()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Start a reader for each topic."""
        self._cancel_deadline()
        await self._cancel_readers()
        for partition in assigned:
            reader = Reader(self._client, partition, self._subscription, self._delivery)
            task = asyncio.create_task(reader.run(self._admin, self._group))
            task.add_done_callback(self._on_reader_end)
            self.readers.append(reader)
            self._tasks.add(task)

    async def finish(self) -> None:
        """Wait for the deliveries in progress, and allow none after them."""
        await asyncio.gather(*(reader.finish() for reader in self.readers))

    async def close(self) -> None:
        """Cancel deliveries, leave the group and disconnect."""
        self._cancel_deadline()
        if not self._failure.cancel() and not self._failure.cancelled():
            self._failure.exception()  # it may have come too late for `run`
        await self._cancel_readers()
        await close_all([self._client])

    async def _watch_group(self) -> None:
        """Wait for what the group refuses, and raise it: the client reports it to who fetches records."""
        while True:
            await self._client.getmany(TopicPartition(self._group, PARTITION), timeout_ms=0)
            await asyncio.sleep(CHECK_INTERVAL_SECONDS)

    async def _cancel_readers(self) -> None:
        tasks, self._tasks, self.readers = self._tasks, set(), []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_reader_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task not in self._tasks:
            return
        error = task.exception()
        if error is None:
            self._expect_assignment()
        else:
            self._fail(error)

    def _expect_assignment(self) -> None:
        """Fail unless the group assigns topics in time; it may assign none."""
        if self._deadline is None:
            self._deadline = self._loop.call_later(
                JOIN_TIMEOUT_SECONDS, self._fail, MembershipLost(self._group)
            )

    def _cancel_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)


ConsumerRebalanceListener.register(Member)
