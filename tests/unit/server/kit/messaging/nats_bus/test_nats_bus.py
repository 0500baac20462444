"""The bus on NATS JetStream: what it declares, and what only this broker does."""

from __future__ import annotations

import asyncio
from dataclasses import replace as replace_config
from uuid import uuid4

import pytest
from msgspec.structs import replace
from nats.aio.client import ServerVersion

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import Delivery, NullObserver, Position, Subscription
from envmgr.server.kit.messaging.cloud_events import encode
from envmgr.server.kit.messaging.nats_bus.appending import MAX_BATCH_MESSAGES, MIN_BATCH_MESSAGES, can_batch
from envmgr.server.kit.messaging.nats_bus.reader import BATCH_SIZE
from support.services.event_recorders import Listener, envelope, wait_until
from support.services.nats_bus import jetstream, running
from support.services.nats_server import NEEDS_NATS

pytestmark = [
    pytest.mark.timeout(120),
    NEEDS_NATS,
]


MAX_PAYLOAD = 8 * 2**20
"""Of the server of the tests."""


def subscription(listener, *types):
    return Subscription("listener", frozenset(types or {"*"}), listener.handle, listener.dead_letter)


@pytest.fixture
def prefix():
    return f"p{uuid4().hex[:12]}"


def test_an_event_is_one_message_in_cloudevents_json_on_a_subject_of_its_type(prefix):
    async def scenario():
        async with running(prefix) as bus, jetstream() as js:
            await bus.publish([envelope(1)])
            message = await js.get_msg(f"{prefix}-app", seq=1)
            assert message.subject == f"{prefix}.app.Tested"
            assert message.headers["Nats-Msg-Id"] == "app-1"
            assert message.headers["content-type"] == "application/cloudevents+json"
            assert b'"specversion":"1.0"' in message.data

    asyncio.run(scenario())


def test_declarations_are_repeated_and_keep_what_an_operator_changed(prefix):
    async def scenario():
        async with running(prefix), jetstream() as js:
            config = (await js.stream_info(f"{prefix}-app")).config
            await js.update_stream(config.evolve(max_age=3600))
        async with running(prefix), jetstream() as js:
            assert (await js.stream_info(f"{prefix}-app")).config.max_age == 3600
            assert (await js.stream_info(f"{prefix}-version")).config.max_age == 7 * 24 * 3600

    asyncio.run(scenario())


def test_a_consumer_has_one_durable_a_source_however_often_it_starts(prefix):
    async def scenario():
        names = []
        for _ in range(3):
            async with running(prefix, subscription(Listener(), "Tested", "Other")), jetstream() as js:
                info = await until_succeeded(js, f"{prefix}-app", names)
                names.append(info.name)
                assert info.name.startswith("listener_by_")
                assert info.config.filter_subjects == [f"{prefix}.app.Other", f"{prefix}.app.Tested"]
                assert info.config.ack_policy == "all"

    asyncio.run(scenario())


async def until_succeeded(js, stream, earlier):
    """Return the only durable, once it is none of the earlier ones."""
    while True:
        durables = await js.consumers_info(stream)
        if len(durables) == 1 and durables[0].name not in earlier:
            return durables[0]
        await asyncio.sleep(0.02)


def test_events_of_other_types_are_not_delivered(prefix):
    listener = Listener()

    async def scenario():
        async with running(prefix, subscription(listener, "Tested")) as bus:
            await bus.publish([replace(envelope(1), type="Other"), envelope(2)])
            await wait_until(lambda: listener.numbers == [2], 60)

    asyncio.run(scenario())


def test_a_message_that_is_not_an_event_is_reported_and_skipped(prefix):
    listener, reported = Listener(), []

    class Observer(NullObserver):
        def on_invalid_message(self, location, error):
            reported.append((location, type(error).__name__))

    async def scenario():
        async with running(prefix, subscription(listener), delivery=Delivery(Observer())) as bus:
            await bus.publish([envelope(1)])
            async with jetstream() as js:
                await js.publish(f"{prefix}.app.Foreign", b"{}")
            with pytest.raises(ServiceUnavailable, match="wrong last sequence"):
                await bus.publish([envelope(2)])
            await bus.publish([envelope(2)])
            await wait_until(lambda: listener.numbers == [1, 2], 60)

    asyncio.run(scenario())
    assert reported == [(f"{prefix}-app 2", "InvalidEvent")]


@pytest.mark.parametrize("foreign", [b"{}", encode(envelope(1)), encode(envelope(9))])
def test_messages_of_another_client_hide_no_event_and_are_not_delivered(prefix, foreign):
    """The relay would publish again what follows the last message: a stream refuses it for two minutes.

    A consumer of an event that the outbox has not would make it an older copy.
    """
    listener = Listener()

    async def scenario():
        async with running(prefix, subscription(listener)) as bus, jetstream() as js:
            await bus.publish([envelope(1), envelope(2)])
            for _ in range(3):
                await js.publish(f"{prefix}.app.Tested", foreign)
            last = (await js.stream_info(f"{prefix}-app")).state.last_seq
            await js.delete_msg(f"{prefix}-app", last)
            assert await bus.position("alm/app") == Position(2, "app-2")
            await bus.publish([envelope(2), envelope(3)])
            assert await bus.position("alm/app") == Position(3, "app-3")
            await wait_until(lambda: 3 in listener.numbers, 60)

    asyncio.run(scenario())
    assert listener.numbers == [1, 2, 3]


@pytest.mark.parametrize("headers", [{}, {"Nats-Msg-Id": "foreign"}])
@pytest.mark.parametrize("count", [3, MIN_BATCH_MESSAGES])
def test_events_sent_at_once_after_a_message_of_another_client_are_stored_all_or_none(prefix, headers, count):
    """The last sequence is what the second event expects."""
    listener = Listener()
    events = [envelope(number) for number in range(2, 2 + count)]

    async def scenario():
        async with running(prefix, subscription(listener)) as bus, jetstream() as js:
            await bus.publish([envelope(1)])
            await js.publish(f"{prefix}.app.Foreign", b"{}", headers=headers)
            with pytest.raises(ServiceUnavailable, match="wrong last"):
                await bus.publish(events)
            await bus.publish(events)
            await wait_until(lambda: count + 1 in listener.numbers, 60)

    asyncio.run(scenario())
    assert listener.numbers == list(range(1, count + 2))


@pytest.mark.parametrize("count", [1, MIN_BATCH_MESSAGES])
def test_an_event_that_a_purged_stream_remembers_is_not_taken_for_stored(prefix, count):
    events = [envelope(number) for number in range(1, count + 1)]

    async def scenario():
        async with running(prefix) as bus:
            await bus.publish(events)
            async with jetstream() as js:
                await js.purge_stream(f"{prefix}-app")
            assert (await bus.position("alm/app")).sequence == 0
            with pytest.raises(ServiceUnavailable, match="duplicate"):
                await bus.publish(events)
            assert (await bus.position("alm/app")).sequence == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("is_atomic", [True, False])
def test_many_events_are_appended_in_a_batch_where_the_stream_takes_batches(prefix, is_atomic):
    """Streams that were declared earlier, or by an older NATS, take none."""
    listener = Listener()
    events = [envelope(number) for number in range(1, MIN_BATCH_MESSAGES + 1)]

    async def scenario():
        async with running(prefix, subscription(listener)) as bus, jetstream() as js:
            config = (await js.stream_info(f"{prefix}-app")).config
            await js.update_stream(replace_config(config, allow_atomic=is_atomic))
            await bus.publish(events)
            await bus.publish(events)
            last = await js.get_msg(f"{prefix}-app", MIN_BATCH_MESSAGES)
            assert last.headers.get("Nats-Batch-Sequence") == (str(MIN_BATCH_MESSAGES) if is_atomic else None)
            assert await bus.position("alm/app") == Position(MIN_BATCH_MESSAGES, events[-1].id)
            await wait_until(lambda: MIN_BATCH_MESSAGES in listener.numbers, 60)

    asyncio.run(scenario())
    assert listener.numbers == [event.sequence for event in events]


def test_a_backlog_of_full_batches_is_delivered_over_one_connection(prefix):
    """NATS sends a status after each full batch, which is not an error."""
    listener, connections, failures = Listener(), [], []

    class Recorder(NullObserver):
        def on_connected(self, broker):
            connections.append(broker)

        def on_disconnected(self, broker, retry_in_seconds, error):
            if connections:
                failures.append(error)

    events = [envelope(number) for number in range(1, 2 * BATCH_SIZE + 3)]

    async def scenario():
        async with running(prefix) as bus:
            await bus.publish(events)
        async with running(prefix, subscription(listener), delivery=Delivery(Recorder())):
            await wait_until(lambda: len(listener.numbers) == len(events), 60)

    asyncio.run(scenario())
    assert listener.numbers == [event.sequence for event in events]
    assert (len(connections), failures) == (1, [])


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.10.29", False), ("2.12.0", False), ("2.12.1", True), ("2.15.1", True), ("3.0.0-beta.1", True)],
)
def test_batches_are_for_servers_that_take_messages_with_ids_in_them(version, expected):
    assert can_batch(ServerVersion(version)) is expected


def test_more_events_than_a_batch_may_have_are_stored_in_order(prefix):
    events = [envelope(number) for number in range(1, MAX_BATCH_MESSAGES + 3)]

    async def scenario():
        async with running(prefix) as bus:
            await bus.publish(events)
            assert await bus.position("alm/app") == Position(len(events), events[-1].id)

    asyncio.run(scenario())


@pytest.mark.parametrize("excess", [600_000, -100])
def test_an_event_larger_than_the_broker_accepts_is_named(prefix, excess):
    """With its headers: NATS ends the connection of a client that sends more."""
    length = MAX_PAYLOAD - len(encode(envelope(1, data={"number": 1, "text": ""}))) + excess

    async def scenario():
        async with running(prefix) as bus:
            with pytest.raises(ServiceUnavailable, match=r"event 1 of app: .* raise max_payload"):
                await bus.publish([envelope(1, data={"number": 1, "text": "x" * length})])
            await bus.publish([envelope(1)])

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_slow_consumer_of_large_events_gets_them_all_in_order(prefix):
    listener = Listener()

    async def scenario():
        async with running(prefix) as bus:
            for number in range(1, 401, 50):
                await bus.publish(
                    [
                        envelope(n, data={"number": n, "text": "x" * 200_000})
                        for n in range(number, number + 50)
                    ]
                )
        async with running(prefix, subscription(listener)):
            await wait_until(lambda: len(listener.numbers) == 400, 60)

    asyncio.run(scenario())
    assert listener.numbers == list(range(1, 401))
