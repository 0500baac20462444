"""Events of the outbox: in order, complete, and in batches of limited size."""

from __future__ import annotations

import asyncio

from envmgr.server.app import module
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.messaging import outbox
from envmgr.server.kit.messaging.outbox import Outbox
from support.services.event_recorders import TestData, domain_event, emit
from support.services.service_fixtures import opened


def run_with_outbox(directory, scenario):
    async def whole():
        async with opened(directory, module) as database:
            await scenario(database, Outbox(database, "app"))

    asyncio.run(whole())


def test_a_stored_event_has_its_data_a_sequence_and_its_source(tmp_path):
    domain_event = DomainEvent(
        subject="app/ä", data=TestData({"a": [1, None]}), actor='user:"ada"', traceparent="00-1"
    )

    async def scenario(database, box):
        await database.write(lambda transaction: transaction.emit(domain_event))
        (event,) = await box.pending(10)
        assert (event.type, event.subject, event.actor, event.traceparent) == (
            domain_event.type,
            domain_event.subject,
            domain_event.actor,
            domain_event.traceparent,
        )
        assert (event.data, event.source, event.sequence) == (domain_event.data, "alm/app", 1)
        assert event.time.endswith("Z")

    run_with_outbox(tmp_path, scenario)


def test_an_empty_outbox_has_no_pending_events(tmp_path):
    async def scenario(_, box):
        assert await box.pending(10) == []

    run_with_outbox(tmp_path, scenario)


def test_pending_events_are_in_order_from_the_first_unacknowledged_one(tmp_path):
    async def scenario(database, box):
        for group in ((0, 1, 2), (3,), tuple(range(4, 300))):
            await database.write(emit(*group))
        await box.acknowledge(2)
        events = await box.pending(290)
        assert [event.sequence for event in events] == list(range(3, 293))
        assert [event.data["number"] for event in events] == list(range(2, 292))

    run_with_outbox(tmp_path, scenario)


def test_large_events_are_split_into_small_batches(tmp_path):
    size = outbox.MAX_BATCH_CHARS // 3

    async def scenario(database, box):
        for number in range(5):
            data = {"number": number, "text": "x" * size}
            await database.write(lambda transaction, data=data: transaction.emit(domain_event(0, data=data)))
        batches = []
        while events := await box.pending(500):
            batches.append([event.data["number"] for event in events])
            await box.acknowledge(events[-1].sequence)
        assert batches == [[0, 1, 2], [3, 4]]

    run_with_outbox(tmp_path, scenario)


def test_an_event_too_large_for_a_batch_is_a_batch_of_its_own(tmp_path):
    async def scenario(database, box):
        await database.write(
            lambda transaction: transaction.emit(domain_event(0, data={"text": "x" * outbox.MAX_BATCH_CHARS}))
        )
        await database.write(emit(1))
        assert [event.sequence for event in await box.pending(500)] == [1]
        await box.acknowledge(1)
        assert [event.sequence for event in await box.pending(500)] == [2]

    run_with_outbox(tmp_path, scenario)
