"""Exponential backoff with jitter, shared by everything on the server that retries."""

from __future__ import annotations

import random
from dataclasses import dataclass

_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from `initial_seconds` to `max_seconds`, each varied by up to a fifth."""

    initial_seconds: float
    max_seconds: float

    def delay(self, attempt: int) -> float:
        """Return the seconds to wait after a failed attempt; the first attempt is 1."""
        doubled = self.initial_seconds * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
        return min(doubled, self.max_seconds) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret: it only spreads load
