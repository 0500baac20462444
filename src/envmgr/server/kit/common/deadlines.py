"""Deadline of the request in progress, for the calls that it makes in its turn."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_DEADLINE: ContextVar[float] = ContextVar("_DEADLINE", default=math.inf)


def deadline_in(seconds: float) -> AbstractContextManager[None]:
    """Set the deadline of what runs within, unless an earlier one is set."""
    return deadline_at(time.monotonic() + seconds)


@contextmanager
def deadline_at(deadline: float) -> Iterator[None]:
    """Set the deadline of what runs within, as `time.monotonic` counts, unless an earlier one is set."""
    token = _DEADLINE.set(min(_DEADLINE.get(), deadline))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def current_deadline() -> float:
    """Return the deadline, as `time.monotonic` counts; infinite without one."""
    return _DEADLINE.get()


def begin_deadline(seconds: float) -> None:
    """Set the deadline of the rest of this task, in place of any other."""
    _DEADLINE.set(time.monotonic() + seconds)


def remaining_seconds(limit: float) -> float:
    """Return the seconds until the deadline, at most `limit`; raise ServiceUnavailable once it has passed."""
    seconds = _DEADLINE.get() - time.monotonic()
    if seconds <= 0:
        raise deadline_exceeded()
    return min(seconds, limit)


def deadline_exceeded() -> ServiceUnavailable:
    """Return the problem of what was not begun before the deadline."""
    return ServiceUnavailable("deadline of the request exceeded; retry")
