"""Circuit breaker for calls to one peer: closed, open or half-open.

Repeated failures open the circuit for a while. Half-open, one call probes the peer while others are refused; its
outcome closes or opens the circuit.
"""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURE_THRESHOLD = 5
"""Consecutive failures that open the circuit."""
OPEN_SECONDS = 5.0
"""Seconds until a probe; varied by up to a fifth, for peers not to be probed by all their callers at once."""


class CircuitBreaker:
    """Circuit breaker; each `acquire` is followed by `succeed`, `fail` or `release`."""

    def __init__(
        self,
        peer: str,
        *,
        threshold: int = FAILURE_THRESHOLD,
        open_seconds: float = OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._peer = peer
        self._threshold = threshold
        self._open_seconds = open_seconds
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._is_probing = False

    @property
    def state(self) -> str:
        """Return `closed`, `open` or `half-open`."""
        if self._failures < self._threshold:
            return "closed"
        return "open" if self._clock() < self._open_until else "half-open"

    def acquire(self) -> None:
        """Admit a call; raise ServiceUnavailable while the circuit is open, or probed by another call."""
        state = self.state
        if state == "open":
            self._refuse(self._open_until - self._clock())
        if state == "half-open":
            if self._is_probing:
                self._refuse(1)
            self._is_probing = True

    def succeed(self) -> None:
        """Record that the peer answered; close the circuit."""
        self._failures = 0
        self._is_probing = False

    def fail(self) -> None:
        """Record that the peer did not answer; open the circuit after too many failures."""
        self._failures += 1
        self._is_probing = False
        if self._failures >= self._threshold:
            jitter = random.uniform(0.8, 1.2)  # noqa: S311 - no secret: it only spreads load
            self._open_until = self._clock() + self._open_seconds * jitter

    def release(self) -> None:
        """Record that a call ended without showing whether the peer answers."""
        self._is_probing = False

    def _refuse(self, seconds: float) -> None:
        raise ServiceUnavailable(
            f"service {self._peer} is unreachable: not called again yet after repeated failures",
            retry_after=max(1, math.ceil(seconds)),
        )
