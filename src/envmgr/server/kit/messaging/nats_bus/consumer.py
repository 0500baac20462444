"""One consumer over one connection: its lease, and a reader for each source."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envmgr.server.kit.messaging.nats_bus.lease import Lease
from envmgr.server.kit.messaging.nats_bus.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nats.js.kv import KeyValue

    from envmgr.server.kit.messaging.bus import Delivery, Subscription
    from envmgr.server.kit.messaging.nats_bus.connection import Connection
    from envmgr.server.kit.messaging.nats_bus.names import Names


class Consumer:
    """Receives the events of all services for one subscription, while it holds the lease."""

    def __init__(self, connection: Connection, lease: Lease, readers: Sequence[Reader]) -> None:
        self._connection = connection
        self._lease = lease
        self._readers = readers

    async def run(self) -> None:
        """Deliver events until cancelled; raise what ends the connection's use."""
        await self._lease.acquire()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connection.guard(self._lease.renew()))
            for reader in self._readers:
                group.create_task(self._connection.guard(reader.run()))

    async def finish(self) -> None:
        """Wait for the deliveries in progress, allow none after them, and release the lease."""
        for reader in self._readers:
            await reader.finish()
        await self._lease.release()


def create_consumer(
    connection: Connection,
    bucket: KeyValue,
    names: Names,
    services: Iterable[str],
    subscription: Subscription,
    delivery: Delivery,
    owner: str,
) -> Consumer:
    """Create a consumer of the services' events."""
    readers = [Reader(connection.client, names, service, subscription, delivery) for service in services]
    return Consumer(connection, Lease(bucket, subscription.consumer, owner), readers)
