"""Buses over a NATS server of the tests; each has names of its own, unless it shares another's."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import nats

from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.messaging.nats_bus.bus import create_nats_bus
from support.services.event_recorders import until_connected
from support.services.nats_server import shared_nats_server
from support.services.queued_bus import FAST_DELIVERY

SERVICES = ("app", "version")
ANSWER_TIMEOUT_SECONDS = 60
"""Of JetStream, which writes each message to a disk that may be busy."""


def nats_bus(server, prefix="", owner="test", delivery=FAST_DELIVERY):
    """Create a bus."""
    settings = server.settings(prefix or f"t{uuid4().hex[:12]}")
    return create_nats_bus(settings, SERVICES, owner, delivery, backoff=Backoff(0.05, 0.5))


@asynccontextmanager
async def started(bus, *subscriptions):
    """Yield a bus that is connected, and stop it; what runs within has a minute."""
    for subscription in subscriptions:
        bus.subscribe(subscription)
    await bus.start()
    try:
        async with asyncio.timeout(60):
            await until_connected(bus)
            yield bus
    finally:
        await bus.stop()


def running(prefix, *subscriptions, owner="test", delivery=FAST_DELIVERY):
    """Start a bus on the server of this process."""
    return started(nats_bus(shared_nats_server(), prefix, owner, delivery), *subscriptions)


@asynccontextmanager
async def jetstream():
    """Yield the JetStream of the server of this process, as an operator uses it."""
    client = await nats.connect(shared_nats_server().url)
    try:
        yield client.jetstream(timeout=ANSWER_TIMEOUT_SECONDS)
    finally:
        await client.close()
