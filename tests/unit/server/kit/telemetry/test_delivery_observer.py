from __future__ import annotations

import asyncio

import pytest

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.messaging.bus import Delivery, Subscription
from envmgr.server.kit.telemetry.delivery_observer import LoggingDeliveryObserver
from envmgr.server.kit.telemetry.metrics import Metrics
from support.services.event_recorders import Listener, RecordingLog, envelope

TRACEPARENT = f"00-{1:032x}-{2:016x}-01"


@pytest.mark.parametrize(
    ("traceparent", "traced"), [(TRACEPARENT, {"traceparent": TRACEPARENT}), ("", {})], ids=["traced", "not"]
)
def test_a_dead_letter_is_logged_with_its_event_and_trace(traceparent, traced):
    def fails(_events):
        raise ValueError("poison")

    log, listener = RecordingLog(), Listener(fails)
    delivery = Delivery(LoggingDeliveryObserver(log, Metrics()), Backoff(0.001, 0.01))
    subscription = Subscription("listener", frozenset("*"), listener.handle, listener.dead_letter)
    asyncio.run(delivery.deliver(subscription, [envelope(7, traceparent=traceparent)]))
    assert log.events() == [*["event_delivery_retry"] * 4, "event_dead_lettered"]
    assert log.lines[-1][1] == {
        "consumer": "listener",
        "attempts": 5,
        "event_id": "app-7",
        "event_type": "Tested",
        "source": "alm/app",
        "sequence": 7,
        "error": "ValueError: poison",
        **traced,
    }
