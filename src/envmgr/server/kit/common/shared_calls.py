"""Calls that waiting callers share, for answers that must be newer than the question."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")
MAX_WAIT_SECONDS = 0.05
"""Seconds that a call waits for the one before it: a slow peer delays no caller twice."""


class SharedCalls(Generic[K, T]):
    """Calls by key: callers that come while a call is in progress share the next, which begins after it.

    So an answer is never older than the call for it, and many callers at once cause two calls.
    """

    def __init__(
        self, call: Callable[[K], Awaitable[T]], max_wait_seconds: float | None = MAX_WAIT_SECONDS
    ) -> None:
        """Create it; a call waits for the one before it for so long, or to its end."""
        self._call = call
        self._max_wait_seconds = max_wait_seconds
        self._in_progress: dict[K, asyncio.Task[T]] = {}
        self._next: dict[K, asyncio.Task[T]] = {}

    async def fetch(self, key: K) -> T:
        """Return the result of a call that begins after this one; raise what it raises."""
        task = self._next.get(key)
        if task is None:
            # Without the first caller's context: its deadline is not that of the others.
            task = asyncio.get_running_loop().create_task(self._run(key), context=Context())
            task.add_done_callback(_retrieve)
            self._next[key] = task
        return await asyncio.shield(task)

    async def _run(self, key: K) -> T:
        previous = self._in_progress.get(key)
        if previous is not None:
            await asyncio.wait({previous}, timeout=self._max_wait_seconds)
        task = self._in_progress[key] = self._next.pop(key)
        try:
            return await self._call(key)
        finally:
            if self._in_progress.get(key) is task:
                del self._in_progress[key]


def _retrieve(task: asyncio.Task[T]) -> None:
    """Retrieve the error of a call whose callers may be gone."""
    if not task.cancelled():
        task.exception()
