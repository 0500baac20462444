"""Time limits of awaitables that mostly have their result at once."""

from __future__ import annotations

import asyncio
from types import coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

T = TypeVar("T")


async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
    """Return an awaitable's result; raise TimeoutError if it is still waiting after `seconds`.

    A timer is started only if the awaitable waits: starting and stopping it takes longer than most results.
    """
    steps = awaitable.__await__()
    try:
        future = next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    async with asyncio.timeout(seconds):
        return await _resume(steps, future)


@coroutine
def _resume(steps: Generator[Any, Any, T], future: object) -> Generator[Any, Any, T]:
    """Run the steps after the first one, which waits for a future."""
    try:
        while True:
            try:
                sent = yield future
            except BaseException as error:  # noqa: BLE001 - cancellation belongs to the awaitable, too
                future = steps.throw(error)
            else:
                future = steps.send(sent)
    except StopIteration as end:
        result: T = end.value
        return result
