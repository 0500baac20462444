"""Buses over a NATS server of the tests; each has names of its own, unless it shares another's."""

from __future__ import annotations

from uuid import uuid4

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.messaging.nats_bus.bus import create_nats_bus
from support.services.queued_bus import FAST_DELIVERY

SERVICES = ("app", "version")


def nats_bus(server, prefix="", owner="test", delivery=FAST_DELIVERY):
    """Create a bus."""
    settings = server.settings(prefix or f"t{uuid4().hex[:12]}")
    return create_nats_bus(settings, SERVICES, owner, delivery, backoff=Backoff(0.05, 0.5))
