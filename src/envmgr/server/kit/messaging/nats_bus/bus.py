"""The bus over NATS JetStream: a stream for each service, a durable consumer for each subscription."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nats.errors import Error
from nats.js.errors import NotFoundError

from envmgr.server.kit.common.events import service_of
from envmgr.server.kit.messaging.broker_bus import BACKOFF, BrokerBus
from envmgr.server.kit.messaging.nats_bus.connection import Connection, connect
from envmgr.server.kit.messaging.nats_bus.consumer import Consumer, create_consumer
from envmgr.server.kit.messaging.nats_bus.names import Names
from envmgr.server.kit.messaging.nats_bus.publisher import Publisher
from envmgr.server.kit.messaging.nats_bus.streams import declare, declare_leases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from envmgr.server.kit.common.backoff import Backoff
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.config.bus_settings import BusSettings
    from envmgr.server.kit.messaging.bus import Delivery, Position, Subscription

NAME = "NATS JetStream"


@dataclass(frozen=True, slots=True)
class _Session:
    """Publishers and consumers of one connection."""

    connection: Connection
    publishers: Mapping[str, Publisher]
    consumers: Sequence[Consumer]

    async def run(self) -> None:
        """Deliver events until cancelled; raise the first error."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.connection.guard(self.connection.wait_closed()))
            for consumer in self.consumers:
                group.create_task(self.connection.guard(consumer.run()))

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Append events to their stream."""
        await self.publishers[events[0].service].publish(events)

    async def position(self, source: str) -> Position:
        """Return the newest event in a source's stream."""
        try:
            return await self.publishers[service_of(source)].position()
        except NotFoundError:
            # The stream was deleted; the next session declares it.
            await self.connection.close()
            raise

    async def finish(self) -> None:
        """End deliveries after those in progress."""
        await asyncio.gather(*(consumer.finish() for consumer in self.consumers))

    async def close(self) -> None:
        """Disconnect."""
        await self.connection.close()


@dataclass(frozen=True, slots=True)
class NatsBroker:
    """Connects to NATS (implements `broker_bus.Broker`)."""

    settings: BusSettings
    services: Sequence[str]
    owner: str
    delivery: Delivery
    name: str = NAME
    errors: tuple[type[Exception], ...] = (Error, OSError, TimeoutError)

    @property
    def address(self) -> str:
        """The addresses of the servers, without credentials."""
        return self.settings.address

    @asynccontextmanager
    async def connect(self, subscriptions: Sequence[Subscription]) -> AsyncIterator[_Session]:
        """Yield a session, with streams declared."""
        async with connect(self.settings.servers, self.owner) as connection:
            yield await self._create_session(connection, subscriptions)

    async def _create_session(
        self, connection: Connection, subscriptions: Sequence[Subscription]
    ) -> _Session:
        client, names, replicas = connection.client, Names(self.settings.prefix), self.settings.replicas
        jetstream = client.jetstream()
        await declare(jetstream, names, self.services, replicas)
        bucket = await declare_leases(jetstream, names, replicas)
        publishers = {service: Publisher(client, names, service) for service in self.services}
        consumers = [
            create_consumer(connection, bucket, names, self.services, subscription, self.delivery, self.owner)
            for subscription in subscriptions
        ]
        return _Session(connection, publishers, consumers)


def create_nats_bus(
    settings: BusSettings,
    services: Sequence[str],
    owner: str,
    delivery: Delivery,
    backoff: Backoff = BACKOFF,
) -> BrokerBus:
    """Return a bus that carries the events of services, not started.

    `owner` identifies this process to the broker, before and after a restart.
    """
    return BrokerBus(NatsBroker(settings, services, owner, delivery), delivery.observer, backoff)
