"""The contract of a bus (`kit.messaging.bus`), for every implementation in BUSES."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.app import module
from envmgr.server.kit.common.events import EventEnvelope, source_of
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging import consumer_offsets
from envmgr.server.kit.messaging.bus import ALL_TYPES, MAX_ATTEMPTS, InProcessBus, Subscription
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.worker.service.relay import Relay
from support.services.brokers import BROKER_PARAMETERS
from support.services.event_recorders import Listener, RecordingLog, emit, until_connected, wait_until
from support.services.kafka_broker import shared_kafka_broker
from support.services.kafka_bus import kafka_bus
from support.services.nats_bus import nats_bus
from support.services.nats_server import shared_nats_server
from support.services.queued_bus import FAST_DELIVERY, QueuedBus
from support.services.service_fixtures import opened

BUSES = {
    "in-process": lambda: InProcessBus(FAST_DELIVERY),
    "queued": QueuedBus,
    "nats": lambda: nats_bus(shared_nats_server()),
    "kafka": lambda: kafka_bus(shared_kafka_broker()),
}
SECONDS = 60
"""For a broker on a machine with a busy disk."""


@pytest.fixture(params=["in-process", "queued", *BROKER_PARAMETERS])
def make_bus(request):
    return BUSES[request.param]


def event(sequence, service="app", type_="Tested"):
    return EventEnvelope(
        id=f"{service}-{sequence}",
        source=source_of(service),
        type=type_,
        subject="x",
        time="2026-01-01T00:00:00.000Z",
        sequence=sequence,
        actor="user:ada",
        data={"number": sequence},
    )


def subscription(listener, *types, name="listener"):
    return Subscription(name, frozenset(types or {"*"}), listener.handle, listener.dead_letter)


def run(make_bus, scenario, *listeners):
    async def main():
        bus = make_bus()
        for number, listener in enumerate(listeners):
            bus.subscribe(subscription(listener, name=f"listener-{number}"))
        await bus.start()
        async with asyncio.timeout(SECONDS):
            await until_connected(bus)
            await scenario(bus)
        await bus.stop()

    asyncio.run(main())


def test_events_of_a_source_arrive_in_order_at_every_consumer(make_bus):
    first, second = Listener(), Listener()

    async def publish(bus, service):
        for start in range(1, 101, 5):
            await bus.publish([event(number, service) for number in range(start, start + 5)])

    order = {"app": [], "version": []}

    async def record(events):
        for item in events:
            order[item.service].append(item.sequence)

    async def scenario(bus):
        await asyncio.gather(publish(bus, "app"), publish(bus, "version"))
        await wait_until(
            lambda: len(first.numbers) == len(second.numbers) == sum(map(len, order.values())) == 200, SECONDS
        )

    third = Listener()
    third.handle = record
    run(make_bus, scenario, first, second, third)
    assert order == {"app": list(range(1, 101)), "version": list(range(1, 101))}


def test_a_failed_delivery_is_repeated_without_a_dead_letter(make_bus):
    failures = []

    def fail_at_first(events):
        if len(failures) < 3:
            failures.append(len(events))
            raise ValueError("not now")

    listener = Listener(fail_at_first)

    async def scenario(bus):
        await bus.publish([event(1), event(2)])
        await wait_until(lambda: listener.numbers == [1, 2], SECONDS)

    run(make_bus, scenario, listener)
    assert listener.dead_lettered == []


def test_an_event_that_always_fails_becomes_a_dead_letter_and_the_next_one_follows(make_bus):
    attempts = []

    def fail(events):
        if any(item.sequence == 2 for item in events):
            attempts.append(len(events))
            raise ValueError("poison")

    failing, other = Listener(fail), Listener()

    async def scenario(bus):
        await bus.publish([event(1), event(2), event(3)])
        await wait_until(lambda: failing.numbers == [1, 3] and other.numbers == [1, 2, 3], SECONDS)

    run(make_bus, scenario, failing, other)
    assert failing.dead_lettered == [(2, "poison", MAX_ATTEMPTS)]
    assert attempts == [3, *[1] * MAX_ATTEMPTS]


def test_a_consumer_with_an_unavailable_database_gets_the_event_later_without_a_dead_letter(make_bus):
    is_away = [True]

    def fail(_events):
        if is_away[0]:
            raise ServiceUnavailable("away")

    listener = Listener(fail)

    async def scenario(bus):
        publisher = asyncio.create_task(publish_until_accepted(bus, [event(1)]))
        await asyncio.sleep(0.05)
        assert (listener.numbers, listener.dead_lettered) == ([], [])
        is_away[0] = False
        await wait_until(lambda: listener.numbers == [1], SECONDS)
        await publisher

    run(make_bus, scenario, listener)
    assert listener.dead_lettered == []


async def publish_until_accepted(bus, events):
    """Publish with retries, as the relay does."""
    while True:
        try:
            return await bus.publish(events)
        except (ServiceUnavailable, ExceptionGroup):
            await asyncio.sleep(0.01)


def test_accepted_events_are_delivered_when_the_bus_stops_with_a_slow_consumer(make_bus):
    slow = Listener()
    handle = slow.handle

    async def slowly(events):
        await asyncio.sleep(0.05)
        await handle(events)

    slow.handle = slowly
    accepted = []

    async def publish_all(bus):
        for number in range(1, 30):
            try:
                await bus.publish([event(number)])
            except ServiceUnavailable:
                return
            accepted.append(number)

    async def scenario(bus):
        publisher = asyncio.create_task(publish_all(bus))
        await wait_until(lambda: len(accepted) >= 2, SECONDS)
        await bus.stop()
        await publisher
        await bus.start()
        await wait_until(lambda: set(accepted) <= set(slow.numbers), SECONDS)

    run(make_bus, scenario, slow)
    assert slow.numbers == sorted(slow.numbers)
    assert accepted


def test_a_stopped_bus_rejects_events_until_it_is_restarted(make_bus):
    listener = Listener()

    async def scenario(bus):
        await bus.stop()
        with pytest.raises(ServiceUnavailable, match="stopped"):
            await bus.publish([event(1)])
        await bus.start()
        await until_connected(bus)
        await bus.publish([event(1)])
        await wait_until(lambda: listener.numbers == [1], SECONDS)

    run(make_bus, scenario, listener)


async def until_caught_up(lag):
    async with asyncio.timeout(SECONDS):
        while any((await lag.by_consumer()).values()):  # noqa: ASYNC110 - an offset in a database sets no event
            await asyncio.sleep(0.005)


def test_offsets_follow_consumers_and_reach_the_outbox(tmp_path, make_bus):
    """Lag and the outbox use the consumer's offset, not acknowledgement."""

    async def main():
        async with opened(tmp_path, module) as database:
            dead_letters, outbox = DeadLetters(database, "app"), Outbox(database, "app")

            async def handle(events):
                if events[0].sequence == 3:
                    raise ValueError("poison")
                await database.write(lambda unit: consumer_offsets.record(unit, "reader", events))

            bus = make_bus()
            bus.subscribe(dead_letters.subscription("reader", ["Tested"], handle))
            lag = ConsumerLag([outbox], [dead_letters])
            await bus.start()
            await until_connected(bus)
            relay = Relay(outbox, bus, lag, RecordingLog())
            await database.write(emit(1, 2))
            assert await lag.by_consumer() == {"reader": 2}
            await relay._relay_batch()
            await until_caught_up(lag)
            await relay._relay_batch()
            assert await outbox.consumed_sequence("reader") == 2
            await database.write(emit(3))
            await relay._relay_batch()
            await until_caught_up(lag)
            assert await dead_letters.count() == 1
            await bus.stop()

    asyncio.run(main())


def test_events_in_a_lagging_broker_are_acknowledged_but_not_consumed(tmp_path):
    async def main():
        async with opened(tmp_path, module) as database:
            dead_letters, outbox = DeadLetters(database, "app"), Outbox(database, "app")

            async def handle(events):
                await database.write(lambda unit: consumer_offsets.record(unit, "reader", events))

            bus = QueuedBus()
            bus.is_paused = True
            bus.subscribe(dead_letters.subscription("reader", ["*"], handle))
            lag = ConsumerLag([outbox], [dead_letters])
            await bus.start()
            relay = Relay(outbox, bus, lag, RecordingLog())
            await database.write(emit(1, 2))
            await relay._relay_batch()
            assert (await outbox.backlog(), await outbox.acknowledged_sequence()) == (0, 2)
            assert await outbox.consumed_sequence("reader") == 0
            assert await lag.by_consumer() == {"reader": 2}
            bus.is_paused = False
            await until_caught_up(lag)
            await relay._relay_batch()
            assert await outbox.consumed_sequence("reader") == 2
            await bus.stop()

    asyncio.run(main())


def test_events_of_other_types_do_not_count_as_lag(tmp_path):
    async def main():
        async with opened(tmp_path, module) as database:
            dead_letters, outbox = DeadLetters(database, "app"), Outbox(database, "app")

            async def handle(_events):
                raise AssertionError

            dead_letters.subscription("reader", ["Other"], handle)
            lag = ConsumerLag([outbox], [dead_letters])
            for _ in range(2):
                await database.write(emit(1, 2))
                assert await lag.by_consumer() == {"reader": 0}

    asyncio.run(main())


def test_a_service_has_offsets_of_its_present_consumers_only(tmp_path):
    async def main():
        async with opened(tmp_path, module) as database:
            dead_letters = DeadLetters(database, "test")
            lag = ConsumerLag([], [DeadLetters(database, "idle"), dead_letters])
            for name in ("first", "second", "third"):
                dead_letters.subscription(name, [ALL_TYPES], None)
            dead_letters.subscription("without-types", [], None)
            offsets = [("first", "test", 3), ("second", "test", 5), ("second", "other", 7)]
            offsets += [("removed", "test", 9), ("without-types", "test", 9)]
            await database.write(lambda transaction: consumer_offsets.record_all(transaction, offsets))
            assert await lag.offsets("test") == {"first": 3, "second": 5}
            assert await lag.offsets("other") == {"second": 7}
            assert await lag.offsets("unknown") == {}

    asyncio.run(main())
