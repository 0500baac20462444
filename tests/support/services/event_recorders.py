"""Doubles for logs, events and consumers of background work."""

from __future__ import annotations

import asyncio

from envmgr.server.kit.common.events import DomainEvent, EventEnvelope, source_of
from envmgr.server.kit.common.problems import ServiceUnavailable


async def wait_until(condition, seconds=40):
    """Wait until a condition is true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition sets no event
            await asyncio.sleep(0.005)


async def until_connected(bus):
    """Wait until a bus that has started is connected: a busy broker may not answer the first attempt."""
    while True:
        try:
            return await bus.check()
        except ServiceUnavailable:
            await asyncio.sleep(0.02)


class RecordingLog:
    """A log that records its lines."""

    def __init__(self):
        self.lines = []

    def _say(self, event, **values):
        self.lines.append((event, values))

    debug = info = warning = error = _say

    def events(self):
        return [event for event, _ in self.lines]


class TestData(dict):
    """Data of an event with any fields, as the outbox and the database runner see it."""

    __test__ = False
    TYPE = "Tested"
    VERSION = 1


def domain_event(number, subject="app/1", data=None):
    """Create an event."""
    return DomainEvent(subject=subject, data=TestData(data or {"number": number}), actor="user:ada")


def envelope(number, service="app", **fields):
    """Create an event as it is delivered."""
    values = {"id": f"{service}-{number}", "data": {"number": number}, **fields}
    return EventEnvelope(
        source=source_of(service),
        type="Tested",
        subject="x",
        time="2026-01-01T00:00:00.000Z",
        sequence=number,
        actor="user:ada",
        **values,
    )


def emit(*numbers):
    """Create a unit of work that emits these."""

    def unit(transaction):
        for number in numbers:
            transaction.emit(domain_event(number))

    return unit


class Listener:
    """A consumer that records its batches and dead letters, and fails when `fails` does."""

    def __init__(self, fails=None):
        self.batches = []
        self.dead_lettered = []
        self.fails = fails or (lambda _events: None)

    async def handle(self, events):
        self.fails(events)
        self.batches.append([event.data["number"] for event in events])

    async def dead_letter(self, event, error, tries):
        self.dead_lettered.append((event.data["number"], str(error), tries))

    @property
    def numbers(self):
        return [number for batch in self.batches for number in batch]
