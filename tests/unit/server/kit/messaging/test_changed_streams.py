"""Streams that an operator changes while a relay publishes to them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from envmgr.server.app import module
from envmgr.server.audit import module as audit_module
from envmgr.server.audit.service.truncation_check import TruncationCheck
from envmgr.server.audit.store import CONSUMER
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.inbox import filter_unprocessed
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.worker.service import relay as relays
from envmgr.server.worker.service.relay import Relay
from support.services.audit_fixtures import KEY
from support.services.event_recorders import RecordingLog, emit, wait_until
from support.services.nats_bus import jetstream, running
from support.services.nats_server import NEEDS_NATS
from support.services.service_fixtures import opened

pytestmark = [pytest.mark.timeout(120), NEEDS_NATS]
SECONDS = 40


@pytest.fixture
def prefix():
    return f"p{uuid4().hex[:12]}"


class Consumer:
    """A consumer with an inbox."""

    def __init__(self, database, dead_letters):
        self.numbers = []
        self._database = database
        self.subscription = dead_letters.subscription("consumer", ["*"], self._handle)

    async def _handle(self, events):
        new = await self._database.write(lambda unit: filter_unprocessed(unit, "consumer", events))
        self.numbers += [event.sequence for event in new]


@asynccontextmanager
async def relayed(directory, bus):
    """Yield a database, its outbox and a consumer, whose events a relay publishes to a bus."""
    async with opened(directory, module) as database:
        dead_letters, outbox = DeadLetters(database, "app"), Outbox(database, "app")
        consumer = Consumer(database, dead_letters)
        relay = Relay(outbox, bus, ConsumerLag([outbox], [dead_letters]), RecordingLog())
        task = asyncio.create_task(relay.run())
        try:
            yield database, outbox, consumer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def audited(directory, bus):
    """Yield a database, its outbox and what checks the audit log, to whose bus a relay publishes."""
    async with opened(directory, module) as database, opened(directory, audit_module) as log:
        audit = audit_module.module(log, audit_module.make(log, KEY))
        outbox = Outbox(database, "app")
        lag = ConsumerLag([outbox], [audit.dead_letters])
        task = asyncio.create_task(Relay(outbox, bus, lag, RecordingLog()).run())
        try:
            yield database, outbox, audit
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_the_audit_is_red_where_events_were_deleted_in_the_middle_of_a_stream(tmp_path, prefix):
    async def scenario():
        async with (
            running(prefix, owner="relay") as bus,
            audited(tmp_path, bus) as (database, outbox, audit),
            jetstream() as js,
        ):
            await database.write(emit(1, 2, 3, 4))
            await until_acknowledged(outbox, 4)
            for number in (2, 3):
                await js.delete_msg(f"{prefix}-app", number)
            async with running(prefix, *audit.subscriptions, owner="audit"):
                while await outbox.consumed_sequence(CONSUMER) < 4:  # noqa: ASYNC110 - a database sets no event
                    await asyncio.sleep(0.02)
            check = TruncationCheck(audit_module.make(audit.database, KEY), audit.dead_letters, [outbox])
            with pytest.raises(ServiceUnavailable, match="2 of 4 events from app are missing"):
                await check.status()

    asyncio.run(scenario())


async def until_acknowledged(outbox, sequence):
    while await outbox.acknowledged_sequence() < sequence:  # noqa: ASYNC110 - a database sets no event
        await asyncio.sleep(0.02)


def test_a_deleted_stream_is_declared_again_although_its_publisher_has_no_consumer(tmp_path, prefix):
    async def scenario():
        async with running(prefix) as bus, relayed(tmp_path, bus) as (database, outbox, _), jetstream() as js:
            await database.write(emit(1, 2))
            await until_acknowledged(outbox, 2)
            await js.delete_stream(f"{prefix}-app")
            await database.write(emit(3))
            await until_acknowledged(outbox, 3)
            assert (await bus.position("alm/app")).sequence == 3
            assert (await js.stream_info(f"{prefix}-app")).state.messages == 3

    asyncio.run(scenario())


def test_what_a_deleted_stream_had_is_published_again_although_nothing_new_is_written(
    tmp_path, prefix, monkeypatch
):
    """The consumer's process declares the stream again; that of the relay has no sign of it."""
    monkeypatch.setattr(relays, "POLL_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(relays, "COMPARISON_INTERVAL_SECONDS", 0.2)

    async def scenario():
        async with (
            running(prefix, owner="relay") as bus,
            relayed(tmp_path, bus) as (database, outbox, consumer),
            jetstream() as js,
        ):
            await database.write(emit(1, 2))
            await until_acknowledged(outbox, 2)
            await js.delete_stream(f"{prefix}-app")
            async with running(prefix, consumer.subscription, owner="consumer"):
                await wait_until(lambda: consumer.numbers == [1, 2], SECONDS)

    asyncio.run(scenario())
