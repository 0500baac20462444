"""The bus over Kafka: a topic for each service, a consumer group for each subscription."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.errors import ConsumerStoppedError, KafkaError

from envmgr.server.kit.common.events import service_of
from envmgr.server.kit.messaging.broker_bus import BACKOFF, BrokerBus
from envmgr.server.kit.messaging.kafka_bus.clients import (
    close_all,
    connection_options,
    create_admin,
    create_group_member,
    create_log_reader,
    start,
)
from envmgr.server.kit.messaging.kafka_bus.guard import Guard
from envmgr.server.kit.messaging.kafka_bus.member import Member
from envmgr.server.kit.messaging.kafka_bus.names import Names
from envmgr.server.kit.messaging.kafka_bus.publisher import Publisher
from envmgr.server.kit.messaging.kafka_bus.topics import declare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from aiokafka import AIOKafkaConsumer
    from aiokafka.admin import AIOKafkaAdminClient

    from envmgr.server.kit.common.backoff import Backoff
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.config.bus_settings import BusSettings
    from envmgr.server.kit.messaging.bus import Delivery, Position, Subscription

NAME, CLIENT_ID = "Kafka", "envmgr-alm"


@dataclass(frozen=True, slots=True)
class _Session:
    """The clients of one connection to the brokers."""

    topics: Sequence[str]
    publishers: Mapping[str, Publisher]
    members: Sequence[Member]
    guard: Guard
    admin: AIOKafkaAdminClient
    log_reader: AIOKafkaConsumer

    async def run(self) -> None:
        """Deliver events until cancelled; raise the first error."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.guard.run())
            for member in self.members:
                group.create_task(member.run(self.topics))

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Append events to their topic."""
        await self.publishers[events[0].service].publish(events)

    async def position(self, source: str) -> Position:
        """Return the newest event in a source's topic."""
        return await self.publishers[service_of(source)].position()

    async def finish(self) -> None:
        """End deliveries after those in progress."""
        await asyncio.gather(*(member.finish() for member in self.members))

    async def close(self) -> None:
        """Leave the groups and disconnect."""
        await asyncio.gather(
            *(member.close() for member in self.members),
            *(publisher.close() for publisher in self.publishers.values()),
            close_all([self.admin, self.log_reader]),
        )


@dataclass(frozen=True, slots=True)
class KafkaBroker:
    """Connects to Kafka (implements `broker_bus.Broker`)."""

    settings: BusSettings
    services: Sequence[str]
    owner: str
    delivery: Delivery
    name: str = NAME
    errors: tuple[type[Exception], ...] = (KafkaError, ConsumerStoppedError, OSError, TimeoutError)

    @property
    def address(self) -> str:
        """The addresses of the brokers, without credentials."""
        return self.settings.address

    @asynccontextmanager
    async def connect(self, subscriptions: Sequence[Subscription]) -> AsyncIterator[_Session]:
        """Yield a session, with topics declared."""
        options = connection_options(self.settings, CLIENT_ID)
        admin, log_reader = create_admin(options), create_log_reader(options)
        try:
            await start(admin)
            await start(log_reader)
            names = Names(self.settings.prefix)
            await declare(admin, [names.topic(service) for service in self.services], self.settings.replicas)
            session = self._create_session(options, admin, log_reader, subscriptions)
        except BaseException:
            await close_all([admin, log_reader])
            raise
        try:
            yield session
        finally:
            await session.close()

    def _create_session(
        self,
        options: dict[str, Any],
        admin: AIOKafkaAdminClient,
        log_reader: AIOKafkaConsumer,
        subscriptions: Sequence[Subscription],
    ) -> _Session:
        names = Names(self.settings.prefix)
        publishers = {service: Publisher(options, names.topic(service)) for service in self.services}
        members = [self._create_member(options, admin, subscription) for subscription in subscriptions]
        guard = Guard(admin, log_reader, names.group("guard"), list(publishers.values()), members)
        topics = [publisher.topic for publisher in publishers.values()]
        return _Session(topics, publishers, members, guard, admin, log_reader)

    def _create_member(
        self, options: dict[str, Any], admin: AIOKafkaAdminClient, subscription: Subscription
    ) -> Member:
        group = Names(self.settings.prefix).group(subscription.consumer)
        return Member(
            create_group_member(options, group, self.owner), admin, group, subscription, self.delivery
        )


def create_kafka_bus(
    settings: BusSettings,
    services: Sequence[str],
    owner: str,
    delivery: Delivery,
    backoff: Backoff = BACKOFF,
) -> BrokerBus:
    """Return a bus that carries the events of services, not started.

    `owner` identifies this process to the broker, before and after a restart.
    """
    broker = KafkaBroker(settings, services, owner, delivery)
    return BrokerBus(broker, delivery.observer, backoff)
