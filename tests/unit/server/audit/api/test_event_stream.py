from __future__ import annotations

import asyncio
import json

import pytest

from envmgr.server.audit.api import event_stream
from envmgr.server.audit.domain.log_model import Head, build_entries
from support.services.audit_fixtures import events

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
        return await all_of(
            event_stream.stream(Source(ends=False).follow(), may, keep_alive=0.02, max_duration=0.3)
        )

    chunks = asyncio.run(scenario())
    assert chunks[6] == b": still here\n\n"
    assert set(chunks[6:]) == {b": still here\n\n"}
    assert len(chunks) > 8


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
        await asyncio.sleep(0.01)
        assert source.is_closed

    asyncio.run(scenario())


@pytest.mark.parametrize("ends", [True, False])
def test_a_stream_ends_when_the_caller_loses_access(ends):
    responses = [True, True, False]

    async def may_for_a_while():
        return responses.pop(0)

    async def scenario():
        source = Source(ends=ends)
        chunks = await all_of(event_stream.stream(source.follow(), may_for_a_while, keep_alive=0.02))
        await asyncio.sleep(0.01)
        assert source.is_closed
        return chunks

    assert len(asyncio.run(scenario())) == 3
