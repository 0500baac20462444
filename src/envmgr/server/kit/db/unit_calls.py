"""Calls of other services from within a unit of work, which is a plain function."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.util.concurrency import await_, in_greenlet

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class UnitCalls:
    """Runner of coroutines on the loop of the server, for units of every runner; created on that loop.

    A unit runs in the writer's thread (SQLite), or in a greenlet of the loop (PostgreSQL).
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def wait(self, call: Coroutine[object, object, T]) -> T:
        """Return the result of a call; raise RuntimeError on the loop itself, which would wait for itself."""
        if not _is_on(self._loop):
            return asyncio.run_coroutine_threadsafe(call, self._loop).result()
        if _is_in_greenlet():
            result: T = await_(call)
            return result
        call.close()
        raise RuntimeError("called on the event loop outside of a unit of work")


def _is_on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _is_in_greenlet() -> bool:
    try:
        return in_greenlet()
    except ImportError:  # without the extra of PostgreSQL
        return False
