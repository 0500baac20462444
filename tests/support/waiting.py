"""Waits for conditions that other processes bring about."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
WAIT_TIMEOUT_SECONDS = 60
PROCESS_TIMEOUT_SECONDS = 240
"""For processes that may start others, as pip does; a test has 300 seconds."""
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.02, 0.5
POLL_SHARE = 0.2
"""Of the time waited so far: a question costs the processes time that are waited for."""


def wait_until(
    condition: Callable[[], T],
    problem: str = "the condition is not met",
    seconds: float = WAIT_TIMEOUT_SECONDS,
) -> T:
    """Wait for a condition, and return its result; fail with the problem after the time."""
    start = time.monotonic()
    while not (result := condition()):
        waited = time.monotonic() - start
        assert waited < seconds, problem
        time.sleep(poll_interval(waited))
    return result


def poll_interval(waited_seconds: float) -> float:
    """Return the time until the next look, in seconds, from the time waited so far."""
    return min(MAX_POLL_SECONDS, MIN_POLL_SECONDS + waited_seconds * POLL_SHARE)
