"""Work in threads that a signal can interrupt at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Future
    from threading import Event

POLL_INTERVAL_SECONDS = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_parallel(work: Callable[[Item], Result], items: Collection[Item], workers: int) -> list[Result]:
    """Return the results of a function for each item, in order; raise the first exception.

    After an exception, also that of a signal handler, calls that run are left to themselves: they may wait for a
    server that is silent.
    """
    if not items:
        return []
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers)
    try:
        return [await_result(future) for future in [pool.submit(work, item) for item in items]]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def await_result(future: Future[Result], stop: Event | None = None) -> Result:
    """Return the result of a future, or raise its exception; KeyboardInterrupt once `stop` is set.

    A signal that arrives just before the main thread blocks is handled only when that thread runs again, so the wait
    is divided into short ones.
    """
    from concurrent.futures import wait

    while not wait((future,), timeout=POLL_INTERVAL_SECONDS).done:
        if stop and stop.is_set():
            raise KeyboardInterrupt
    return future.result()
