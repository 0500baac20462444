"""The bus on Kafka: what it declares, groups of several processes, and a broker that loses records."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import CommitFailedError, KafkaError
from aiokafka.protocol.group import LeaveGroupRequest
from msgspec.structs import replace

from envmgr.server.app import module
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import Delivery, NullObserver, Subscription
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.inbox import filter_unprocessed
from envmgr.server.kit.messaging.kafka_bus import bus as bus_module
from envmgr.server.kit.messaging.kafka_bus import clients, guard, publisher, topics
from envmgr.server.kit.messaging.kafka_bus.clients import MAX_EVENT_BYTES
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.worker.service.relay import Relay
from support.services.event_recorders import (
    Listener,
    RecordingLog,
    emit,
    envelope,
    until_connected,
    wait_until,
)
from support.services.kafka_broker import NEEDS_KAFKA, create_kafka_broker, shared_kafka_broker
from support.services.kafka_bus import kafka_bus
from support.services.service_fixtures import opened

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    NEEDS_KAFKA,
]
SECONDS = 60


def subscription(listener, *types, name="listener"):
    return Subscription(name, frozenset(types or {"*"}), listener.handle, listener.dead_letter)


@asynccontextmanager
async def running(prefix, *subscriptions, broker=None, owner="test", delivery=None):
    options = {"delivery": delivery} if delivery else {}
    bus = kafka_bus(broker or shared_kafka_broker(), prefix, owner, **options)
    for item in subscriptions:
        bus.subscribe(item)
    await bus.start()
    try:
        async with asyncio.timeout(SECONDS):
            await until_connected(bus)
            yield bus
    finally:
        await bus.stop()


@asynccontextmanager
async def started(client):
    await client.start()
    try:
        yield client
    finally:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())


def address(broker=None):
    return f"127.0.0.1:{(broker or shared_kafka_broker()).port}"


async def read_all(topic, count):
    """Return the records of a topic once there are so many."""
    partition = TopicPartition(topic, 0)
    client = AIOKafkaConsumer(bootstrap_servers=address(), auto_offset_reset="earliest")
    client.assign([partition])
    records = []
    async with started(client):
        while len(records) < count:
            records += (await client.getmany(partition, timeout_ms=500)).get(partition, [])
    return records


async def publish(bus, *events):
    """Publish events as the relay does: until the bus has them."""
    while True:
        try:
            return await bus.publish(events)
        except ServiceUnavailable:
            await asyncio.sleep(0.02)


@pytest.fixture
def prefix():
    return f"p{uuid4().hex[:12]}"


@pytest.fixture
def broker():
    server = create_kafka_broker().start()
    yield server
    server.close()


def test_an_event_is_one_record_in_cloudevents_json_with_its_source_as_the_key(prefix):
    async def scenario():
        async with running(prefix) as bus:
            await bus.publish([envelope(1), envelope(2)])
            records = await read_all(f"{prefix}.app", 2)
        headers = dict(records[1].headers)
        assert records[1].key == b"alm/app"
        assert headers == {"content-type": b"application/cloudevents+json", "expected-offset": b"1"}
        assert b'"specversion":"1.0"' in records[1].value

    asyncio.run(scenario())


def test_each_client_of_a_session_is_closed_once(prefix, monkeypatch):
    closed = []
    stop = clients.stop

    async def record(client):
        closed.append(client)
        await stop(client)

    monkeypatch.setattr(clients, "stop", record)

    async def scenario():
        async with running(prefix, subscription(Listener())) as bus:
            await bus.publish([envelope(1)])

    asyncio.run(scenario())
    assert len(closed) == len(set(map(id, closed)))
    assert {type(client) for client in closed} == {AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaProducer}


async def topic_settings(admin, topic):
    [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: value for name, value, *_ in response.resources[0][4]}


def test_declarations_are_repeated_and_keep_what_an_operator_changed(prefix):
    async def scenario():
        async with started(AIOKafkaAdminClient(bootstrap_servers=address())) as admin:
            async with running(prefix):
                pass
            change = ConfigResource(
                ConfigResourceType.TOPIC, f"{prefix}.app", configs={"retention.ms": "3600000"}
            )
            await admin.alter_configs([change])
            async with running(prefix):
                changed = await topic_settings(admin, f"{prefix}.app")
                declared = await topic_settings(admin, f"{prefix}.version")
            [description] = await admin.describe_topics([f"{prefix}.app"])
        assert changed["retention.ms"] == "3600000"
        assert declared["retention.ms"] == str(topics.RETENTION_MS)
        assert int(declared["max.message.bytes"]) > MAX_EVENT_BYTES
        assert len(description["partitions"]) == 1

    asyncio.run(scenario())


def test_a_topic_that_the_broker_cannot_create_is_named(prefix):
    async def scenario():
        async with started(AIOKafkaAdminClient(bootstrap_servers=address())) as admin:
            with pytest.raises(topics.DeclarationFailed, match=rf"^create topic {prefix}\.app: .*replica"):
                await topics.declare(admin, [f"{prefix}.app"], 3)

    asyncio.run(scenario())


def test_events_of_other_types_are_not_delivered(prefix):
    listener = Listener()

    async def scenario():
        async with running(prefix, subscription(listener, "Tested")) as bus:
            await bus.publish([replace(envelope(1), type="Other"), envelope(2)])
            await wait_until(lambda: listener.numbers == [2], SECONDS)

    asyncio.run(scenario())


def test_events_of_several_services_are_delivered(prefix):
    listener = Listener()

    async def scenario():
        async with running(prefix, subscription(listener, "Tested")) as bus:
            await bus.publish([envelope(1)])
            await bus.publish([envelope(1, service="version", data={"number": 2})])
            await wait_until(lambda: sorted(listener.numbers) == [1, 2], SECONDS)

    asyncio.run(scenario())


def test_a_record_that_is_not_an_event_or_in_another_place_is_reported_and_skipped(prefix):
    listener, reported = Listener(), []

    class Observer(NullObserver):
        def on_invalid_message(self, location, error):
            reported.append((location, str(error)))

    async def scenario():
        async with running(prefix, subscription(listener), delivery=Delivery(Observer())) as bus:
            await bus.publish([envelope(1)])
            async with started(AIOKafkaProducer(bootstrap_servers=address())) as producer:
                await producer.send_and_wait(f"{prefix}.app", b"{}", partition=0)
            with pytest.raises(ServiceUnavailable, match="expected offset 1, the broker answered 2"):
                await bus.publish([envelope(2)])
            await bus.publish([envelope(2)])
            await wait_until(lambda: listener.numbers == [1, 2], SECONDS)

    asyncio.run(scenario())
    assert reported == [
        (f"{prefix}.app 1", "expected at offset none"),
        (f"{prefix}.app 2", "expected at offset 1"),
    ]


def test_a_dead_publisher_that_comes_late_publishes_nothing_twice_and_nothing_out_of_order(prefix):
    """Two publishers of one source, as when a relay hangs and another one takes over."""
    listener = Listener()

    async def scenario():
        async with running(prefix, subscription(listener)) as first, running(prefix) as second:
            await publish(first, envelope(1))
            await publish(second, envelope(2), envelope(3))
            with pytest.raises(ServiceUnavailable, match="another process publishes"):
                await first.publish([envelope(2), envelope(3)])
            await publish(first, envelope(2), envelope(3), envelope(4))
            await wait_until(lambda: listener.numbers[-1:] == [4], SECONDS)

    asyncio.run(scenario())
    assert listener.numbers == [1, 2, 3, 4]


def test_an_event_larger_than_the_limit_is_named_and_the_largest_one_arrives(prefix):
    listener = Listener()

    async def scenario():
        async with running(prefix, subscription(listener)) as bus:
            with pytest.raises(ServiceUnavailable, match=r"event 1 of app: \d+ bytes exceed the limit"):
                await bus.publish([envelope(1, data={"number": 1, "text": "x" * MAX_EVENT_BYTES})])
            await bus.publish([envelope(1, data={"number": 1, "text": "x" * (MAX_EVENT_BYTES - 1000)})])
            await wait_until(lambda: listener.numbers == [1], SECONDS)

    asyncio.run(scenario())


def test_a_slow_consumer_of_large_events_gets_them_all_in_order(prefix):
    listener = Listener()

    async def scenario():
        async with running(prefix) as bus:
            for number in range(1, 201, 50):
                text = "x" * 200_000
                await bus.publish(
                    [envelope(n, data={"number": n, "text": text}) for n in range(number, number + 50)]
                )
        async with running(prefix, subscription(listener)):
            await wait_until(lambda: len(listener.numbers) == 200, SECONDS)

    asyncio.run(scenario())
    assert listener.numbers == list(range(1, 201))


class GroupRecord:
    """Events that the members of one group consumed, each once, as with an inbox."""

    def __init__(self):
        self.numbers = {"app": [], "version": []}
        self.owners = {"app": set(), "version": set()}

    def listener(self, owner):
        listener = Listener()

        async def handle(events):
            await asyncio.sleep(0.002)
            for event in events:
                self.owners[event.service].add(owner)
                if event.sequence not in self.numbers[event.service]:
                    self.numbers[event.service].append(event.sequence)

        listener.handle = handle
        return listener

    def last(self, service):
        return self.numbers[service][-1] if self.numbers[service] else 0


def test_members_that_join_and_leave_under_load_share_the_sources_and_lose_nothing(prefix):
    record, is_running = GroupRecord(), [True]
    last = {"app": 0, "version": 0}

    async def publish_all(bus, service):
        while is_running[0]:
            last[service] += 1
            await publish(bus, envelope(last[service], service))
            await asyncio.sleep(0.005)

    async def advance(count):
        for service, sequence in last.items():
            goal = sequence + count
            await wait_until(lambda goal=goal, service=service: record.last(service) >= goal, SECONDS)

    async def scenario():
        async with running(prefix, subscription(record.listener("one")), owner="one") as bus:
            publishers = [asyncio.create_task(publish_all(bus, service)) for service in last]
            await advance(20)
            for _ in range(2):
                async with running(prefix, subscription(record.listener("two")), owner="two"):
                    await wait_until(
                        lambda: "two" in record.owners["app"] | record.owners["version"], SECONDS
                    )
                    await advance(20)
                record.owners = {"app": set(), "version": set()}
                await advance(20)
                assert record.owners == {"app": {"one"}, "version": {"one"}}
            is_running[0] = False
            await asyncio.gather(*publishers)
            await wait_until(lambda: all(record.last(name) == last[name] for name in last), SECONDS)

    asyncio.run(scenario())
    assert record.numbers == {name: list(range(1, last[name] + 1)) for name in last}


class Reader:
    """A consumer with an inbox, that waits while it is paused."""

    def __init__(self, database, dead_letters):
        self.numbers = []
        self.is_paused = False
        self._database = database
        self.subscription = dead_letters.subscription("reader", ["*"], self.handle)

    async def handle(self, events):
        if self.is_paused:
            raise ServiceUnavailable("paused")
        new = await self._database.write(lambda unit: filter_unprocessed(unit, "reader", events))
        self.numbers += [event.sequence for event in new]


def test_what_a_broker_acknowledged_and_lost_is_published_again_from_the_outbox(tmp_path, broker):
    """The broker keeps the older half, as one that is killed before it writes to its disk."""

    async def scenario():
        async with opened(tmp_path, module) as database:
            dead_letters, outbox, log = DeadLetters(database, "app"), Outbox(database, "app"), RecordingLog()
            reader = Reader(database, dead_letters)
            async with running("lossy", reader.subscription, broker=broker) as bus:
                relay = Relay(outbox, bus, ConsumerLag([outbox], [dead_letters]), log)
                task = asyncio.create_task(relay.run())
                await database.write(emit(*range(1, 11)))
                await wait_until(lambda: reader.numbers == list(range(1, 11)), SECONDS)
                broker.end()
                broker.back_up()
                broker.start()
                reader.is_paused = True
                await database.write(emit(*range(11, 31)))
                while await outbox.acknowledged_sequence() < 30:  # noqa: ASYNC110 - a database sets no event
                    await asyncio.sleep(0.01)
                broker.kill()
                broker.restore()
                broker.start()
                await wait_until(lambda: "bus_lost_events" in log.events(), SECONDS)
                reader.is_paused = False
                await database.write(emit(31))
                await wait_until(lambda: reader.numbers[-1:] == [31], SECONDS)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert reader.numbers == list(range(1, 32))
            [lost] = [values for event, values in log.lines if event == "bus_lost_events"]
            assert (lost["acknowledged"], lost["republished_after"]) == (30, 10)

    asyncio.run(scenario())


def test_a_log_that_lacks_events_which_every_consumer_has_is_read_on(tmp_path, broker):
    async def scenario():
        async with opened(tmp_path, module) as database:
            dead_letters, outbox = DeadLetters(database, "app"), Outbox(database, "app")
            reader = Reader(database, dead_letters)
            async with running("lossy", reader.subscription, broker=broker) as bus:
                relay = Relay(outbox, bus, ConsumerLag([outbox], [dead_letters]), RecordingLog())
                task = asyncio.create_task(relay.run())
                await database.write(emit(*range(1, 11)))
                await wait_until(lambda: reader.numbers[-1:] == [10], SECONDS)
                broker.end()
                broker.back_up()
                broker.start()
                await database.write(emit(*range(11, 21)))
                await wait_until(lambda: reader.numbers[-1:] == [20], SECONDS)
                broker.kill()
                broker.restore()
                broker.start()
                for number in range(21, 24):
                    await database.write(emit(number))
                    await wait_until(lambda number=number: reader.numbers[-1:] == [number], SECONDS)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert reader.numbers == list(range(1, 24))

    asyncio.run(scenario())


def test_a_reader_that_fetches_nothing_although_there_are_events_is_replaced(prefix, monkeypatch):
    monkeypatch.setattr(guard, "STALL_TIMEOUT_SECONDS", 0.1)
    listener = Listener()
    fetch = AIOKafkaConsumer.getmany
    stuck = []

    async def get_stuck(client, *partitions, **options):
        if client._group_id and not stuck[3:]:
            stuck.append(client)
            await asyncio.Event().wait()
        return await fetch(client, *partitions, **options)

    async def scenario():
        async with running(prefix, subscription(listener)) as bus:
            await publish(bus, envelope(1))
            await wait_until(lambda: listener.numbers == [1], SECONDS)
            assert bus.generation > 1

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", get_stuck)
    asyncio.run(scenario())
    assert len(stuck) == 4


def test_a_client_that_answers_no_more_is_replaced(prefix, monkeypatch):
    timeout_seconds = guard.ANSWER_TIMEOUT_SECONDS
    monkeypatch.setattr(guard, "CHECK_INTERVAL_SECONDS", 0.05)
    find = AIOKafkaAdminClient.find_coordinator
    calls = []

    async def find_once(client, *arguments):
        calls.append(client)
        # Only the answer that does not come is waited for briefly.
        monkeypatch.setattr(guard, "ANSWER_TIMEOUT_SECONDS", 0.2 if len(calls) == 1 else timeout_seconds)
        if len(calls) == 2:
            await asyncio.Event().wait()
        return await find(client, *arguments)

    monkeypatch.setattr(AIOKafkaAdminClient, "find_coordinator", find_once)

    async def scenario():
        async with running(prefix) as bus:
            await wait_until(lambda: bus.generation == 2, SECONDS)
            await publish(bus, envelope(1))

    asyncio.run(scenario())
    assert len(set(calls)) == 2


def test_a_publisher_whose_acknowledgement_does_not_come_publishes_again_without_a_copy(prefix, monkeypatch):
    monkeypatch.setattr(publisher, "ACKNOWLEDGEMENT_TIMEOUT_SECONDS", 0.5)
    listener = Listener()
    send = AIOKafkaProducer.send
    delayed = []

    async def send_without_answer(client, *arguments, **options):
        response = await send(client, *arguments, **options)
        if not delayed:
            delayed.append(response)
            return asyncio.get_running_loop().create_future()
        return response

    monkeypatch.setattr(AIOKafkaProducer, "send", send_without_answer)

    async def scenario():
        async with running(prefix, subscription(listener)) as bus:
            with pytest.raises(ServiceUnavailable, match="TimeoutError"):
                await bus.publish([envelope(1)])
            await publish(bus, envelope(1), envelope(2))
            await wait_until(lambda: listener.numbers[-1:] == [2], SECONDS)

    asyncio.run(scenario())
    assert listener.numbers == [1, 2]


class HangingMember:
    """A process of a group, in a thread: while it hangs, its whole loop does, and sends no heartbeat."""

    def __init__(self, prefix, record):
        self.is_hanging, self.gate = threading.Event(), threading.Event()
        self._is_over = threading.Event()
        self._broker = shared_kafka_broker()
        self._prefix, self._record = prefix, record
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.gate.set()
        self._is_over.set()
        self._thread.join()

    async def _run(self):
        listener = self._record.listener("one")
        handle = listener.handle

        async def hang(events):
            if any(event.sequence == 2 for event in events) and not self.gate.is_set():
                self.is_hanging.set()
                self.gate.wait()
            await handle(events)

        listener.handle = hang
        async with running(self._prefix, subscription(listener), broker=self._broker, owner="one"):
            while not self._is_over.is_set():  # noqa: ASYNC110 - the thread of the test sets no event of this loop
                await asyncio.sleep(0.01)


@pytest.fixture
def members(monkeypatch):
    """Record the clients that join a group, by the process that they belong to, and the commits of each."""
    members = Members()
    create, commit = bus_module.create_group_member, AIOKafkaConsumer.commit

    def create_recorded(options, group, owner):
        members.clients[owner] = create(options, group, owner)
        return members.clients[owner]

    async def commit_recorded(client, offsets):
        try:
            await commit(client, offsets)
        except KafkaError as error:
            members.refused.append((client, type(error)))
            raise

    monkeypatch.setattr(bus_module, "create_group_member", create_recorded)
    monkeypatch.setattr(AIOKafkaConsumer, "commit", commit_recorded)
    yield members
    # The test's arguments outlive it, and clients are collected with it.
    members.clients.clear()
    members.refused.clear()


class Members:
    """The clients of a group's members, and the errors of their commits."""

    def __init__(self):
        self.clients = {}
        self.refused = []


async def expire(group, client):
    """Remove a member from its group, as other brokers do that get no heartbeat in time."""
    async with started(AIOKafkaAdminClient(bootstrap_servers=address())) as admin:
        node = await admin.find_coordinator(group)
        request = LeaveGroupRequest(group, client._coordinator.member_id)
        response = await admin._send_request(request, node)
    assert response.error_code == 0


@pytest.mark.slow
def test_a_member_that_hung_commits_nothing_over_its_successor(prefix, members):
    record = GroupRecord()

    async def scenario(hanging):
        async with running(prefix) as bus:
            await publish(bus, envelope(1), envelope(2))
            await wait_until(hanging.is_hanging.is_set, SECONDS)
            former = members.clients["one"]
            async with running(prefix, subscription(record.listener("two")), owner="two"):
                await expire(f"{prefix}.listener", former)
                await publish(bus, envelope(3))
                await wait_until(lambda: record.numbers["app"] == [1, 2, 3], SECONDS)
                hanging.gate.set()
                await wait_until(lambda: members.refused, SECONDS)
                await publish(bus, envelope(4))
                await wait_until(lambda: record.numbers["app"] == [1, 2, 3, 4], SECONDS)
        assert members.refused[0] == (former, CommitFailedError)

    with HangingMember(prefix, record) as hanging:
        asyncio.run(scenario(hanging))
