"""Streams and consumers of NATS that are deleted, full or cut off while they are in use."""

from __future__ import annotations

import asyncio
from dataclasses import replace as replace_config
from uuid import uuid4

import pytest
from nats.js.api import DiscardPolicy

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.config.bus_settings import BusSettings
from envmgr.server.kit.messaging.bus import Position, Subscription
from envmgr.server.kit.messaging.nats_bus.appending import MIN_BATCH_MESSAGES
from envmgr.server.kit.messaging.nats_bus.bus import create_nats_bus
from support.services.cutting_proxy import cutting_proxy
from support.services.event_recorders import Listener, envelope, wait_until
from support.services.nats_bus import SERVICES, jetstream, running, started
from support.services.nats_server import NEEDS_NATS, shared_nats_server
from support.services.queued_bus import FAST_DELIVERY

pytestmark = [pytest.mark.timeout(120), NEEDS_NATS]
SECONDS = 40
BATCH = [envelope(number) for number in range(1, MIN_BATCH_MESSAGES + 1)]


@pytest.fixture
def prefix():
    return f"p{uuid4().hex[:12]}"


def subscription(listener):
    return Subscription("listener", frozenset("*"), listener.handle, listener.dead_letter)


def test_a_deleted_consumer_is_created_again(prefix):
    listener = Listener()

    async def scenario():
        async with running(prefix, subscription(listener)) as bus, jetstream() as js:
            await bus.publish([envelope(1)])
            await wait_until(lambda: listener.numbers == [1], SECONDS)
            generation = bus.generation
            for info in await js.consumers_info(f"{prefix}-app"):
                await js.delete_consumer(f"{prefix}-app", info.name)
            await wait_until(lambda: bus.generation > generation, SECONDS)
            await bus.publish([envelope(2)])
            await wait_until(lambda: 2 in listener.numbers, SECONDS)

    asyncio.run(scenario())
    assert sorted(set(listener.numbers)) == [1, 2]


def test_a_batch_that_a_limit_of_the_stream_refuses_is_not_stored_in_part(prefix):
    async def scenario():
        async with running(prefix) as bus, jetstream() as js:
            config = (await js.stream_info(f"{prefix}-app")).config
            limited = replace_config(config, discard=DiscardPolicy.NEW, max_msgs=MIN_BATCH_MESSAGES - 1)
            await js.update_stream(limited)
            for _ in range(2):
                with pytest.raises(ServiceUnavailable, match="maximum messages exceeded"):
                    await bus.publish(BATCH)
                assert await bus.position("alm/app") == Position()
            await js.update_stream(config)
            await bus.publish(BATCH)
            assert await bus.position("alm/app") == Position(len(BATCH), BATCH[-1].id)
            assert (await js.stream_info(f"{prefix}-app")).state.messages == len(BATCH)

    asyncio.run(scenario())


def test_a_message_of_a_batch_that_a_limit_of_the_stream_refuses_is_the_first_not_to_be_stored(prefix):
    """NATS reports only that the batch is incomplete."""
    large = envelope(4, data={"number": 4, "text": "x" * 2000})
    events = [*BATCH[:3], large, *BATCH[4:]]

    async def scenario():
        async with running(prefix) as bus, jetstream() as js:
            config = (await js.stream_info(f"{prefix}-app")).config
            await js.update_stream(replace_config(config, max_msg_size=1000))
            for _ in range(2):
                with pytest.raises(ServiceUnavailable, match="message size exceeds maximum allowed"):
                    await bus.publish(events)
                assert await bus.position("alm/app") == Position(3, BATCH[2].id)
            await js.update_stream(config)
            await bus.publish(events)
            assert (await js.stream_info(f"{prefix}-app")).state.messages == len(events)

    asyncio.run(scenario())


@pytest.mark.parametrize("count", [1, MIN_BATCH_MESSAGES])
@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
@pytest.mark.parametrize("marker", [b"app-1\r\n", b"Nats-Msg-Id: app-%d\r\n"])
def test_events_whose_connection_is_lost_are_stored_once_and_in_order(prefix, marker, cut, count):
    """At the first message and at the last one, which commits a batch; with and without its response."""
    listener, events = Listener(), BATCH[:count]

    async def scenario():
        async with cutting_proxy(shared_nats_server().port) as proxy:
            settings = BusSettings("nats", (f"nats://127.0.0.1:{proxy.port}",), prefix)
            bus = create_nats_bus(settings, SERVICES, "relay", FAST_DELIVERY, backoff=Backoff(0.05, 0.5))
            async with (
                started(bus),
                running(prefix, subscription(listener), owner="consumer"),
                jetstream() as js,
            ):
                generation = bus.generation
                getattr(proxy, cut)(marker % count if b"%" in marker else marker)
                with pytest.raises(ServiceUnavailable):
                    await bus.publish(events)
                await wait_until(lambda: bus.generation > generation, SECONDS)
                await bus.publish(events)
                await bus.publish([envelope(count + 1)])
                await wait_until(lambda: count + 1 in listener.numbers, SECONDS)
                assert (await js.stream_info(f"{prefix}-app")).state.messages == count + 1

    asyncio.run(scenario())
    assert listener.numbers == list(range(1, count + 2))
