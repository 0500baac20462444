"""Deadline of the request in progress, for the calls that it makes in its turn."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEADLINE: ContextVar[float | None] = ContextVar("_DEADLINE", default=None)


@contextmanager
def deadline_in(seconds: float) -> Iterator[None]:
    """Set the deadline of what runs within, unless an earlier one is set."""
    current, new = _DEADLINE.get(), time.monotonic() + seconds
    token = _DEADLINE.set(new if current is None else min(current, new))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def begin_deadline(seconds: float) -> None:
    """Set the deadline of the rest of this task, in place of any other."""
    _DEADLINE.set(time.monotonic() + seconds)


def remaining_seconds(limit: float) -> float:
    """Return the seconds until the deadline, at most `limit`; raise ServiceUnavailable once it has passed."""
    deadline = _DEADLINE.get()
    if deadline is None:
        return limit
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise ServiceUnavailable("deadline of the request exceeded; retry")
    return min(seconds, limit)
