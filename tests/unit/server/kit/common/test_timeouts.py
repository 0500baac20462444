from __future__ import annotations

import asyncio

import pytest

from envmgr.server.kit.common.timeouts import within


def run(work):
    return asyncio.run(work())


def test_a_result_at_once_needs_no_timer(monkeypatch):
    async def at_once():
        return "ready"

    monkeypatch.setattr(asyncio, "timeout", None)
    assert run(lambda: within(1, at_once())) == "ready"


def test_an_awaitable_that_waits_several_times_has_its_result():
    async def slow():
        total = 0
        for number in range(3):
            await asyncio.sleep(0)
            total += await asyncio.sleep(0.001, number)
        return total

    assert run(lambda: within(60, slow())) == 3


def test_an_awaitable_that_waits_too_long_is_cancelled():
    ends = []

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    with pytest.raises(TimeoutError):
        run(lambda: within(0.01, endless()))
    assert ends == ["cancelled"]


def test_a_caller_that_is_cancelled_cancels_the_awaitable():
    ends = []

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    async def main():
        task = asyncio.ensure_future(within(60, endless()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)
    assert ends == ["cancelled"]


@pytest.mark.parametrize("waits", [0, 1, 3])
def test_an_error_is_raised_as_it_is(waits):
    async def failing():
        for _ in range(waits):
            await asyncio.sleep(0)
        raise LookupError("not here")

    with pytest.raises(LookupError, match="not here"):
        run(lambda: within(60, failing()))


def test_a_cancellation_that_the_awaitable_answers_is_its_result():
    async def stubborn():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "cleaned up"

    async def main():
        task = asyncio.ensure_future(within(None, stubborn()))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert run(main) == "cleaned up"


def test_a_future_is_an_awaitable_too():
    async def main():
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 7)
        return await within(60, future)

    assert run(main) == 7
