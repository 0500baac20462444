"""Buses over a Kafka broker of the tests; each has names of its own, unless it shares another's."""

from __future__ import annotations

from uuid import uuid4

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.messaging.kafka_bus.bus import create_kafka_bus
from support.services.queued_bus import FAST_DELIVERY

SERVICES = ("app", "version")


def kafka_bus(broker, prefix="", owner="test", delivery=FAST_DELIVERY):
    """Create a bus."""
    settings = broker.settings(prefix or f"t{uuid4().hex[:12]}")
    return create_kafka_bus(settings, SERVICES, owner, delivery, Backoff(0.05, 0.5))
