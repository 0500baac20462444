"""Shared calls: an answer is newer than its question, errors and deadlines are not spread."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.kit.common import shared_calls
from envmgr.server.kit.common.deadlines import deadline_in, remaining_seconds
from envmgr.server.kit.common.shared_calls import SharedCalls

TIMEOUT_SECONDS = 30


class Peer:
    """A peer whose answers wait until they are released; each is the number of its call."""

    def __init__(self):
        self.calls = []
        self.releases = []

    async def call(self, key):
        self.calls.append(key)
        number = len(self.calls)
        release = asyncio.Event()
        self.releases.append(release)
        await release.wait()
        return number

    async def started(self, count):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(self.calls) < count:  # noqa: ASYNC110 - the peer under test has no event for it
                await asyncio.sleep(0)


def run(test):
    asyncio.run(asyncio.wait_for(test, TIMEOUT_SECONDS))


@pytest.fixture(autouse=True)
def patient_calls(monkeypatch):
    """Set the wait for a call in progress to more than any test takes."""
    monkeypatch.setattr(shared_calls, "MAX_WAIT_SECONDS", TIMEOUT_SECONDS)


def test_callers_during_a_call_share_the_next_one():
    async def check():
        peer = Peer()
        shared = SharedCalls(peer.call)
        first = asyncio.create_task(shared.fetch("ada"))
        await peer.started(1)
        later = [asyncio.create_task(shared.fetch("ada")) for _ in range(5)]
        await asyncio.sleep(0)
        peer.releases[0].set()
        assert await first == 1
        await peer.started(2)
        peer.releases[1].set()
        assert await asyncio.gather(*later) == [2] * 5
        assert peer.calls == ["ada"] * 2

    run(check())


def test_keys_do_not_wait_for_each_other():
    async def check():
        peer = Peer()
        shared = SharedCalls(peer.call)
        tasks = [asyncio.create_task(shared.fetch(key)) for key in ("ada", "bob")]
        await peer.started(2)
        for release in peer.releases:
            release.set()
        assert await asyncio.gather(*tasks) == [1, 2]

    run(check())


def test_a_call_in_progress_delays_the_next_one_for_a_moment_only(monkeypatch):
    monkeypatch.setattr(shared_calls, "MAX_WAIT_SECONDS", 0.01)

    async def check():
        peer = Peer()
        shared = SharedCalls(peer.call)
        first = asyncio.create_task(shared.fetch("ada"))
        await peer.started(1)
        second = asyncio.create_task(shared.fetch("ada"))
        await peer.started(2)
        peer.releases[1].set()
        assert await second == 2
        peer.releases[0].set()
        assert await first == 1
        third = asyncio.create_task(shared.fetch("ada"))
        await peer.started(3)
        peer.releases[2].set()
        assert await third == 3

    run(check())


def test_an_error_is_for_those_who_share_the_call_and_the_next_call_runs():
    async def check():
        results = iter([ValueError("away"), "here"])

        async def call(_key):
            await asyncio.sleep(0)
            result = next(results)
            if isinstance(result, Exception):
                raise result
            return result

        shared = SharedCalls(call)
        failed = await asyncio.gather(shared.fetch("ada"), shared.fetch("ada"), return_exceptions=True)
        assert [str(error) for error in failed] == ["away", "away"]
        assert await shared.fetch("ada") == "here"

    run(check())


def test_a_caller_that_is_cancelled_takes_no_answer_from_the_others():
    async def check():
        peer = Peer()
        shared = SharedCalls(peer.call)
        gone, other = (asyncio.create_task(shared.fetch("ada")) for _ in range(2))
        await peer.started(1)
        gone.cancel()
        peer.releases[0].set()
        assert await other == 1
        assert peer.calls == ["ada"]

    run(check())


def test_the_deadline_of_the_first_caller_is_not_that_of_the_call():
    async def call(_key):
        return remaining_seconds(60)

    async def check():
        with deadline_in(1):
            assert await SharedCalls(call).fetch("ada") == 60

    run(check())
