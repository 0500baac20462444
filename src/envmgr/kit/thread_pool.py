"""Work in threads that a signal can interrupt at any moment.

`concurrent.futures` would do, but its import, and that of logging with it, takes 7 ms of processor time.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

POLL_INTERVAL_SECONDS = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


class Task(Generic[Result]):
    """A call that one thread runs, and whose result others wait for."""

    _result: Result

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call
        self._error: BaseException | None = None
        self._done = threading.Event()

    @property
    def is_done(self) -> bool:
        """Return whether the call has returned or raised."""
        return self._done.is_set()

    @property
    def has_failed(self) -> bool:
        """Return whether the call has raised."""
        return self._error is not None

    def run(self) -> None:
        """Call, and keep the result or the exception."""
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for the result
            self._error = error
        self._done.set()

    def result(self, stop: threading.Event | None = None) -> Result:
        """Return the result, or raise the call's exception; KeyboardInterrupt once `stop` is set.

        A signal that arrives just before the main thread blocks is handled only when that thread runs again, so the
        wait is divided into short ones.
        """
        while not self._done.wait(POLL_INTERVAL_SECONDS):
            if stop and stop.is_set():
                raise KeyboardInterrupt
        if self._error is not None:
            raise self._error
        return self._result


class ThreadPool(Generic[Result]):
    """Threads that run calls in their order, each thread one at a time; the process ends after them.

    After an exception no more calls begin, so results are awaited in order, too.
    """

    def __init__(self, calls: Iterable[Callable[[], Result]], workers: int) -> None:
        self.tasks = [Task(call) for call in calls]
        self._waiting = deque(self.tasks)
        for number in range(min(workers, len(self.tasks))):
            threading.Thread(target=self._work, name=f"envmgr-worker-{number}").start()

    def cancel(self) -> None:
        """Discard the calls that have not begun; those that run are left to themselves."""
        self._waiting.clear()

    def _work(self) -> None:
        while True:
            try:
                task = self._waiting.popleft()
            except IndexError:
                return
            task.run()
            if task.has_failed:
                self.cancel()


def map_parallel(work: Callable[[Item], Result], items: Collection[Item], workers: int) -> list[Result]:
    """Return the results of a function for each item, in order; raise the first exception.

    After an exception, also that of a signal handler, calls that run are left to themselves: they may wait for a
    server that is silent.
    """
    pool = ThreadPool([partial(work, item) for item in items], workers)
    try:
        return [task.result() for task in pool.tasks]
    finally:
        pool.cancel()
