"""Work in the threads of a pool, whose start can fail."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")


async def run_in_thread(pool: Executor | None, work: Callable[[], T]) -> T:
    """Run a function in a thread pool (default: the loop's); raise ServiceUnavailable without threads."""
    try:
        future = asyncio.get_running_loop().run_in_executor(pool, work)
    except RuntimeError as error:  # also: the pool is shut down
        raise ServiceUnavailable(f"cannot run in a thread: {error}") from error
    return await future
