"""Contract of buses over a broker: restarts, lost stores, and several processes with one consumer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from envmgr.server.app import module
from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import Subscription
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.inbox import filter_unprocessed
from envmgr.server.kit.messaging.nats_bus import lease, streams
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.worker.service.relay import Relay
from support.services.brokers import BROKER_PARAMETERS
from support.services.event_recorders import (
    Listener,
    RecordingLog,
    emit,
    envelope,
    until_connected,
    wait_until,
)
from support.services.kafka_broker import create_kafka_broker
from support.services.kafka_bus import kafka_bus
from support.services.nats_bus import nats_bus
from support.services.nats_server import create_nats_server
from support.services.service_fixtures import opened

BROKERS = {
    "nats": (create_nats_server, nats_bus),
    "kafka": (create_kafka_broker, kafka_bus),
}
"""The server of each broker, and what makes a bus on it."""
WITHOUT_HEARTBEATS = {
    "nats": [(streams, "LEASE_SECONDS", 1.0), (lease, "RENEWAL_INTERVAL_SECONDS", 30.0)],
}
"""Settings of a process that the broker soon takes for hanging; the Kafka broker of the tests never does."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
SECONDS = 60


@pytest.fixture(params=BROKER_PARAMETERS)
def broker(request):
    server = BROKERS[request.param][0]().start()
    yield server
    server.close()


@pytest.fixture
def make_bus(broker, request):
    make = BROKERS[request.node.callspec.params["broker"]][1]
    return lambda owner="test": make(broker, "shared", owner)


def subscription(listener, name="listener"):
    return Subscription(name, frozenset({"*"}), listener.handle, listener.dead_letter)


async def publish(bus, *numbers):
    """Publish events as the relay does: until the bus has them."""
    while True:
        try:
            return await bus.publish([envelope(number) for number in numbers])
        except ServiceUnavailable:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def started(bus, *listeners):
    for number, listener in enumerate(listeners):
        bus.subscribe(subscription(listener, f"listener-{number}"))
    await bus.start()
    try:
        async with asyncio.timeout(SECONDS):
            yield bus
    finally:
        await bus.stop()


def test_while_the_broker_is_away_publishing_fails_and_then_all_goes_on_in_order(broker, make_bus):
    listener = Listener()

    async def scenario():
        async with started(make_bus(), listener) as bus:
            await publish(bus, 1, 2)
            generation = bus.generation
            broker.end()
            with pytest.raises(ServiceUnavailable):
                await bus.publish([envelope(3)])
            await until_unavailable(bus)
            broker.start()
            await publish(bus, 3, 4)
            await publish(bus, 5)
            await wait_until(lambda: listener.numbers[-1:] == [5], SECONDS)
            assert bus.generation > generation
            assert str(broker.port) in await bus.check()

    asyncio.run(scenario())
    assert sorted(set(listener.numbers)) == [1, 2, 3, 4, 5]
    assert listener.numbers == sorted(listener.numbers)


async def until_unavailable(bus):
    while True:
        try:
            await bus.check()
        except ServiceUnavailable:
            return
        await asyncio.sleep(0.02)


def test_a_bus_starts_without_its_broker_and_connects_when_it_comes(broker, make_bus):
    listener = Listener()
    broker.kill()

    async def scenario():
        async with started(make_bus(), listener) as bus:
            with pytest.raises(ServiceUnavailable, match=str(broker.port)):
                await bus.check()
            broker.start()
            await publish(bus, 1)
            await wait_until(lambda: listener.numbers == [1], SECONDS)

    asyncio.run(scenario())


def test_events_in_the_store_outlive_the_broker_and_the_process(broker, make_bus):
    first, second = Listener(), Listener()

    async def scenario():
        async with started(make_bus()) as bus:
            await publish(bus, *range(1, 51))
        broker.end()
        broker.start()
        async with started(make_bus(), first) as bus:
            await wait_until(lambda: first.numbers == list(range(1, 51)), SECONDS)
            position = await bus.position("alm/app")
            assert (position.sequence, position.event_id) == (50, envelope(50).id)
        async with started(make_bus(), second) as bus:
            await publish(bus, 51)
            await wait_until(lambda: second.numbers[-1:] == [51], SECONDS)

    asyncio.run(scenario())
    assert second.numbers == [51]


def test_events_published_again_are_stored_once(make_bus):
    listener = Listener()

    async def scenario():
        async with started(make_bus(), listener) as bus:
            await publish(bus, 1, 2)
            await publish(bus, 1, 2, 3)
            await publish(bus, 4)
            await wait_until(lambda: listener.numbers[-1:] == [4], SECONDS)

    asyncio.run(scenario())
    assert listener.numbers == [1, 2, 3, 4]


def test_what_another_installation_stored_is_not_taken_for_ours(make_bus):
    async def scenario():
        async with started(make_bus()) as bus:
            await publish(bus, 1, 2)
        async with started(make_bus()) as bus:
            await until_connected(bus)
            with pytest.raises(ServiceUnavailable, match="of another installation or database"):
                await bus.publish([envelope(1, id="foreign")])

    asyncio.run(scenario())


class Reader:
    """A consumer with an inbox, that waits while it is paused."""

    def __init__(self, database, dead_letters, name):
        self.name = name
        self.numbers = []
        self.is_paused = False
        self._database = database
        self.subscription = dead_letters.subscription(name, ["*"], self.handle)

    async def handle(self, events):
        if self.is_paused:
            raise ServiceUnavailable("paused")
        new = await self._database.write(lambda unit: filter_unprocessed(unit, self.name, events))
        self.numbers += [event.sequence for event in new]


@asynccontextmanager
async def relayed(tmp_path, bus, *names):
    """Yield a database, its outbox, its consumers and the relay's log, all running."""
    async with opened(tmp_path, module) as database:
        dead_letters, outbox, log = DeadLetters(database, "app"), Outbox(database, "app"), RecordingLog()
        readers = [Reader(database, dead_letters, name) for name in names]
        for reader in readers:
            bus.subscribe(reader.subscription)
        await bus.start()
        relay = Relay(outbox, bus, ConsumerLag([outbox], [dead_letters]), log)
        task = asyncio.create_task(relay.run())
        try:
            async with asyncio.timeout(SECONDS):
                yield database, outbox, readers, log
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await bus.stop()


async def until_acknowledged(outbox, sequence):
    while await outbox.acknowledged_sequence() < sequence:  # noqa: ASYNC110 - a database sets no event
        await asyncio.sleep(0.02)


def test_an_empty_store_gets_what_some_consumer_has_yet_to_consume(tmp_path, broker, make_bus):
    async def scenario():
        async with relayed(tmp_path, make_bus(), "quick", "slow") as (database, outbox, readers, log):
            quick, slow = readers
            await database.write(emit(1, 2, 3))
            await wait_until(lambda: quick.numbers == slow.numbers == [1, 2, 3], SECONDS)
            slow.is_paused = True
            await database.write(emit(4, 5, 6))
            await until_acknowledged(outbox, 6)
            await wait_until(lambda: quick.numbers == [1, 2, 3, 4, 5, 6], SECONDS)
            broker.kill()
            broker.erase()
            await database.write(emit(7))
            broker.start()
            await until_acknowledged(outbox, 7)
            slow.is_paused = False
            await wait_until(lambda: quick.numbers == slow.numbers == [1, 2, 3, 4, 5, 6, 7], SECONDS)
            lost = [values for event, values in log.lines if event == "bus_lost_events"]
            assert lost == [{"service": "app", "acknowledged": 6, "republished_after": 3}]

    asyncio.run(scenario())


def test_an_empty_store_is_filled_although_nothing_new_is_written(tmp_path, broker, make_bus):
    async def scenario():
        bus = make_bus()
        async with relayed(tmp_path, bus, "reader") as (database, outbox, (reader,), _):
            generation, reader.is_paused = bus.generation, True
            await database.write(emit(1, 2))
            await until_acknowledged(outbox, 2)
            broker.kill()
            broker.erase()
            broker.start()
            # Before, the end of the connection may cancel a consumer whose transaction is committed all the same.
            await wait_until(lambda: bus.generation > generation, SECONDS)
            reader.is_paused = False
            await wait_until(lambda: reader.numbers == [1, 2], SECONDS)

    asyncio.run(scenario())


def test_an_empty_store_gets_nothing_that_every_consumer_has(tmp_path, broker, make_bus):
    async def scenario():
        bus = make_bus()
        async with relayed(tmp_path, bus, "reader") as (database, _, (reader,), log):
            await database.write(emit(1, 2))
            await wait_until(lambda: reader.numbers == [1, 2], SECONDS)
            broker.kill()
            broker.erase()
            broker.start()
            await database.write(emit(3))
            await wait_until(lambda: reader.numbers == [1, 2, 3], SECONDS)
            assert "bus_lost_events" not in log.events()
            assert (await bus.position("alm/app")).sequence == 3

    asyncio.run(scenario())


class SharedRecord(Listener):
    """A consumer of one process, whose events are also recorded in the order over all processes."""

    def __init__(self, record):
        super().__init__(lambda events: record.extend((self, event.sequence) for event in events))


class HangingListener(Listener):
    """A consumer that hangs while its gate is closed."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, events):
        await self.gate.wait()
        await super().handle(events)


def test_of_two_processes_one_at_a_time_consumes_and_the_other_takes_over(make_bus, request):
    record = []
    listeners = SharedRecord(record), SharedRecord(record)

    async def scenario():
        first, second = make_bus("one"), make_bus("two")
        async with started(second, listeners[1]):
            async with started(first, listeners[0]):
                for number in range(1, 101):
                    await publish(first, number)
                await wait_until(lambda: 100 in in_order(record), SECONDS)
            for number in range(101, 201):
                await publish(second, number)
            await wait_until(lambda: 200 in in_order(record), SECONDS)

    asyncio.run(scenario())
    assert DELIVERIES[request.node.callspec.params["broker"]](record) == list(range(1, 201))
    assert {listener for listener, number in record if number > 100} == {listeners[1]}


def in_order(record):
    """Return the events in the order of their deliveries."""
    return [number for _, number in record]


def in_order_of_first_delivery(record):
    """Return each event once, in the order of their first deliveries."""
    return list(dict.fromkeys(in_order(record)))


DELIVERIES = {"nats": in_order, "kafka": in_order_of_first_delivery}
"""What is exact with each broker: Kafka delivers again what a process consumed, but had not yet committed."""


@pytest.mark.parametrize("broker", BROKERS.keys() & WITHOUT_HEARTBEATS, indirect=True)
def test_a_process_that_hangs_is_succeeded_by_another_from_the_first_open_event(
    make_bus, monkeypatch, request
):
    other = Listener()
    for owner, name, value in WITHOUT_HEARTBEATS[request.node.callspec.params["broker"]]:
        monkeypatch.setattr(owner, name, value)

    async def scenario():
        hanging = HangingListener()
        async with started(make_bus("one"), hanging) as first:
            await publish(first, 1)
            await wait_until(lambda: hanging.numbers == [1], SECONDS)
            hanging.gate.clear()
            await publish(first, 2, 3)
            async with started(make_bus("two"), other) as second:
                await publish(second, 4)
                await wait_until(lambda: other.numbers == [2, 3, 4], SECONDS)
                first.backoff = Backoff(2 * SECONDS, 2 * SECONDS)  # it would take over in its turn
                hanging.gate.set()
                await publish(second, 5)
                await wait_until(lambda: other.numbers == [2, 3, 4, 5], SECONDS)
        assert set(hanging.numbers) <= {1, 2, 3}

    asyncio.run(scenario())
