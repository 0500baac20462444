"""The worker counts events."""

from __future__ import annotations

import asyncio

from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.messaging.bus import InProcessBus
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.worker import event_handlers, module, store
from support.services.service_fixtures import opened


def event(type_, number):
    return EventEnvelope(
        id=f"event-{number}",
        source="alm/worker",
        type=type_,
        subject="x",
        time="2026-01-01T00:00:00.000Z",
        sequence=number,
        actor="system:worker",
        data={},
    )


def test_events_are_counted_once_by_type(tmp_path):
    async def work():
        async with opened(tmp_path, module) as database:
            bus = InProcessBus()
            bus.subscribe(event_handlers.subscription(database, DeadLetters(database, "worker")))
            events = [event("Tested", number) for number in range(3)]
            await bus.publish(events)
            await bus.publish([*events, event("Other", 9)])
            assert await database.read(store.counts) == {"Tested": 3.0, "Other": 1.0}

    asyncio.run(work())
