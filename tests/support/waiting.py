"""Waits for conditions that other processes bring about."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
WAIT_TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.05


def wait_until(
    condition: Callable[[], T],
    problem: str = "the condition is not met",
    seconds: float = WAIT_TIMEOUT_SECONDS,
) -> T:
    """Wait for a condition, and return its result; fail with the problem after the time."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, problem
        time.sleep(POLL_SECONDS)
    return result
