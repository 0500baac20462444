from __future__ import annotations

import asyncio

import pytest

from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.bus import InProcessBus, Subscription
from support.services.event_recorders import Listener
from support.services.queued_bus import FAST_DELIVERY


def event(number, type_="Tested"):
    return EventEnvelope(
        id=str(number),
        source="alm/app",
        type=type_,
        subject="x",
        time="2026-01-01T00:00:00.000Z",
        sequence=number,
        actor="user:ada",
        data={"number": number},
    )


def published(events, *subscriptions):
    bus = InProcessBus(FAST_DELIVERY)
    for subscription in subscriptions:
        bus.subscribe(subscription)
    asyncio.run(bus.publish(events))


def subscription(listener, *types):
    return Subscription("listener", frozenset(types), listener.handle, listener.dead_letter)


def test_a_consumer_receives_its_types_in_order_and_in_one_batch():
    item, all_of_them, without_types = Listener(), Listener(), Listener()
    events = [event(1), event(2, "Other"), event(3)]
    published(
        events,
        subscription(item, "Tested"),
        subscription(all_of_them, "*"),
        subscription(without_types, "No"),
    )
    assert (item.batches, all_of_them.batches, without_types.batches) == ([[1, 3]], [[1, 2, 3]], [])


def test_a_transient_failure_is_retried_without_a_dead_letter():
    failures = []

    def fails(events):
        if [item.sequence for item in events] == [2] and len(failures) < 3:
            failures.append(1)
            raise ValueError("not now")
        if len(events) > 1:
            raise ValueError("one by one")

    listener = Listener(fails)
    published([event(1), event(2), event(3)], subscription(listener, "*"))
    assert (listener.numbers, listener.dead_lettered) == ([1, 2, 3], [])


def test_a_failing_event_is_dead_lettered_after_its_attempts_and_the_rest_continues():
    tries = []

    def fails(events):
        if any(item.sequence == 2 for item in events):
            tries.append(len(events))
            raise ValueError("poison")

    listener = Listener(fails)
    published([event(1), event(2), event(3)], subscription(listener, "*"))
    assert listener.numbers == [1, 3]
    assert listener.dead_lettered == [(2, "poison", 5)]
    assert tries == [3, 1, 1, 1, 1, 1]


def test_an_unavailable_consumer_does_not_dead_letter():
    def fails(_events):
        raise ServiceUnavailable("away")

    listener = Listener(fails)
    with pytest.raises(ExceptionGroup) as caught:
        published([event(1)], subscription(listener, "*"))
    assert isinstance(caught.value.exceptions[0], ServiceUnavailable)
    assert listener.dead_lettered == []
