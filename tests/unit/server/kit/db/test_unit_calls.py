"""Calls from within units of work: from a thread, from a greenlet, and never from the loop itself."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy.util.concurrency import greenlet_spawn

from envmgr.server.kit.common.problems import Forbidden
from envmgr.server.kit.db.unit_calls import UnitCalls


async def compute(loop):
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is loop
    return 42


async def refuse():
    await asyncio.sleep(0)
    raise Forbidden("no longer")


def test_a_unit_in_a_thread_waits_for_a_call_on_the_loop():
    async def scenario():
        loop, calls = asyncio.get_running_loop(), UnitCalls()

        def unit():
            assert threading.current_thread() is not threading.main_thread()
            return calls.wait(compute(loop))

        assert await asyncio.to_thread(unit) == 42
        with pytest.raises(Forbidden, match="no longer"):
            await asyncio.to_thread(lambda: calls.wait(refuse()))

    asyncio.run(scenario())


def test_a_unit_in_a_greenlet_waits_while_the_loop_runs():
    async def scenario():
        loop, calls = asyncio.get_running_loop(), UnitCalls()
        progress = asyncio.Event()
        loop.call_soon(progress.set)
        assert await greenlet_spawn(lambda: calls.wait(compute(loop))) == 42
        assert progress.is_set()
        with pytest.raises(Forbidden, match="no longer"):
            await greenlet_spawn(lambda: calls.wait(refuse()))

    asyncio.run(scenario())


def test_a_wait_on_the_event_loop_is_an_error():
    async def scenario():
        with pytest.raises(RuntimeError, match="outside of a unit of work"):
            UnitCalls().wait(asyncio.sleep(0))

    asyncio.run(scenario())
