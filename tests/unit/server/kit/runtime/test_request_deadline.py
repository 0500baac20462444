"""The deadline of a request: from its last chunk, and none for streams."""

from __future__ import annotations

import asyncio
import math

import pytest

from envmgr.server.kit.common import deadlines
from envmgr.server.kit.common.deadlines import remaining_seconds
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.http.asgi import SCOPE_HEADERS
from envmgr.server.kit.runtime.request_deadline import RequestDeadline


class Clock:
    """A clock that a test advances."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(deadlines, "time", clock)
    return clock


def remaining(clock, headers, *, timeout=1000.0, chunk_seconds=(), work_seconds=0.0):
    """Return the seconds that a request's handler has once it has read its body, and worked."""
    chunks = list(chunk_seconds)
    seen = []

    async def receive():
        clock.now += chunks.pop(0)
        return {"type": "http.request", "body": b"x", "more_body": bool(chunks)}

    async def handler(_scope, receive, _send):
        while chunks:
            await receive()
        clock.now += work_seconds
        seen.append(remaining_seconds(math.inf))

    async def send(_message):
        raise AssertionError("the handler sends nothing")

    asyncio.run(RequestDeadline(handler, timeout)({SCOPE_HEADERS: headers}, receive, send))
    return seen[0]


def test_a_request_has_a_deadline(clock):
    assert remaining(clock, {}, work_seconds=250.0) == 750
    with pytest.raises(ServiceUnavailable, match="deadline of the request exceeded"):
        remaining(clock, {}, work_seconds=1000.0)


def test_a_stream_has_none(clock):
    assert remaining(clock, {b"accept": b"text/event-stream"}, work_seconds=5000.0) == math.inf


@pytest.mark.parametrize("headers", [{b"content-length": b"3"}, {b"transfer-encoding": b"chunked"}])
def test_the_deadline_begins_when_the_body_has_arrived(clock, headers):
    """The body takes longer than the handler may: the time until its last chunk does not count."""
    chunks = (100.0, 100.0, 100.0)
    assert remaining(clock, headers, timeout=30.0, chunk_seconds=chunks) == 30
    assert remaining(clock, headers, timeout=30.0, chunk_seconds=chunks, work_seconds=20.0) == 10
    with pytest.raises(ServiceUnavailable, match="deadline of the request exceeded"):
        remaining(clock, headers, timeout=30.0, chunk_seconds=chunks, work_seconds=30.0)


def test_a_task_that_handles_several_requests_sets_the_deadline_of_each():
    async def scenario():
        seen = []

        async def handler(_scope, _receive, _send):
            seen.append(remaining_seconds(math.inf))

        await RequestDeadline(handler, -1000.0).__call__(
            {SCOPE_HEADERS: {b"accept": b"text/event-stream"}}, None, None
        )
        await RequestDeadline(handler, 1000.0).__call__({SCOPE_HEADERS: {}}, None, None)
        await RequestDeadline(handler, -1000.0).__call__(
            {SCOPE_HEADERS: {b"accept": b"text/event-stream"}}, None, None
        )
        return seen

    first, second, third = asyncio.run(scenario())
    assert (first, third) == (math.inf, math.inf)
    assert 0 < second <= 1000
