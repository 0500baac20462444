from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from envmgr.server.audit.api import event_stream
from envmgr.server.audit.domain.log_model import Head, build_entries
from support.services.audit_fixtures import events
from support.services.event_recorders import wait_until

TIMEOUT_SECONDS = 20
ENTRIES = build_entries(Head(), events(5))


class Source:
    """Yields entries and counts them; then ends, or waits without an entry."""

    def __init__(self, *, ends: bool = True) -> None:
        self.delivered = 0
        self.is_closed = False
        self._ends = ends

    async def follow(self):
        try:
            for entry in ENTRIES:
                self.delivered += 1
                yield entry
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.is_closed = True


async def may():
    return True


async def all_of(stream):
    return [chunk async for chunk in stream]


def test_entries_are_messages_with_their_number_as_id():
    retry, *messages = asyncio.run(all_of(event_stream.stream(Source().follow(), may)))
    assert retry == b"retry: 1000\n\n"
    for entry, message in zip(ENTRIES, messages, strict=True):
        id_, data = message.decode().removesuffix("\n\n").split("\n")
        assert id_ == f"id: {entry.seq}"
        assert json.loads(data.removeprefix("data: "))["hash"] == entry.hash


def test_a_line_break_in_an_entry_does_not_split_its_message():
    entry = build_entries(Head(), [*events(1)])[0]
    import msgspec

    message = event_stream.message(
        msgspec.structs.replace(entry, actor="a\nid: 9\r\n\n", payload={"x": "\u2028\n"})
    )
    assert message.count(b"\n") == 3


def test_comments_keep_an_idle_stream_alive():
    async def scenario():
        stream = event_stream.stream(Source(ends=False).follow(), may, keep_alive=0.02)
        async with aclosing(stream), asyncio.timeout(TIMEOUT_SECONDS):
            return [await anext(stream) for _ in range(9)]

    assert asyncio.run(scenario())[6:] == [b": still here\n\n"] * 3


def test_a_stream_has_a_maximum_duration():
    async def scenario():
        stream = event_stream.stream(Source(ends=False).follow(), may, keep_alive=60, max_duration=0.05)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await all_of(stream)

    assert asyncio.run(scenario())[0] == b"retry: 1000\n\n"


def test_nothing_is_read_ahead_of_a_slow_client():
    async def scenario():
        source = Source()
        stream = event_stream.stream(source.follow(), may)
        await anext(stream)
        await anext(stream)
        await asyncio.sleep(0.05)
        assert source.delivered == 2
        await stream.aclose()

    asyncio.run(scenario())


@pytest.mark.parametrize("count", [1, 6])
def test_a_disconnected_client_ends_the_stream(count):
    async def scenario():
        source = Source(ends=False)
        stream = event_stream.stream(source.follow(), may)
        for _ in range(count):
            await anext(stream)
        await asyncio.sleep(0.01)
        await stream.aclose()
        await wait_until(lambda: source.is_closed)

    asyncio.run(scenario())


@pytest.mark.parametrize("ends", [True, False])
def test_a_stream_ends_when_the_caller_loses_access(ends):
    responses = [True, True, False]

    async def may_for_a_while():
        return responses.pop(0)

    async def scenario():
        source = Source(ends=ends)
        chunks = await all_of(event_stream.stream(source.follow(), may_for_a_while, keep_alive=0.02))
        await wait_until(lambda: source.is_closed)
        return chunks

    assert len(asyncio.run(scenario())) == 3
