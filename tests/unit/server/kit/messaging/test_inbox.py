from __future__ import annotations

import asyncio

import pytest

from envmgr.server.app import module
from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.messaging import inbox
from support.services.service_fixtures import opened


def event(number):
    return EventEnvelope(
        id=f"event-{number}",
        source="alm/app",
        type="AppCreated",
        subject=f"app/{number}",
        time="2026-01-02T03:04:05.678Z",
        sequence=number,
        actor="user:ada",
        data={},
    )


def consume(directory, *batches):
    """Deliver batches of events to a consumer in turn; return the numbers that it acted on."""

    async def main():
        async with opened(directory, module) as database:
            return [
                await database.write(
                    lambda transaction, numbers=numbers: [
                        item.sequence
                        for item in inbox.filter_unprocessed(
                            transaction, "reader", [event(n) for n in numbers]
                        )
                    ]
                )
                for numbers in batches
            ]

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[1, 2, 3]], [[1, 2, 3]]),
        ([[1, 2], [1, 2]], [[1, 2], []]),
        ([[1, 2], [2, 3, 1, 4]], [[1, 2], [3, 4]]),
        ([[1, 1, 2]], [[1, 2]]),
        ([[3], [1, 2, 3]], [[3], [1, 2]]),
        ([[]], [[]]),
    ],
)
def test_a_consumer_receives_each_event_once_in_order(tmp_path, batches, expected):
    assert consume(tmp_path, *batches) == expected


def test_an_event_is_new_for_each_consumer(tmp_path):
    async def main():
        async with opened(tmp_path, module) as database:
            for consumer in ("reader", "writer"):
                result = await database.write(
                    lambda transaction, consumer=consumer: inbox.filter_unprocessed(
                        transaction, consumer, [event(1)]
                    )
                )
                assert [item.sequence for item in result] == [1]

    asyncio.run(main())
