"""Retry policy: attempts, backoff and Retry-After."""

from __future__ import annotations

import time
from random import random

from envmgr.kit.errors import Unreachable
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.kit.errors import NetworkError

INITIAL_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 60.0


@frozen
class Clock:
    """Clock and random source, replaced in tests."""

    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    now: Callable[[], float]
    random: Callable[[], float]


SYSTEM = Clock(time.sleep, time.monotonic, time.time, random)


def backoff_delay(failed: int, retry_after_seconds: float | None, chance: float) -> float:
    """Return the delay before the next attempt: exponential, jittered, at least Retry-After."""
    grown = min(MAX_DELAY_SECONDS, INITIAL_DELAY_SECONDS * 2.0 ** min(failed, 10))
    return max(grown * (0.5 + chance / 2), retry_after_seconds or 0.0)


def retry_after(text: str, now: float) -> float | None:
    """Parse Retry-After (RFC 9110, 10.2.3), seconds or a date, to seconds from now; None if invalid."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None


class RetryPolicy:
    """Waits between the attempts of one request, up to a number of retries."""

    def __init__(self, retries: int, clock: Clock, note: Callable[[str], None]) -> None:
        self._retries = retries
        self._clock = clock
        self._note = note
        self._failed = 0
        self._was_reached = False

    def reset(self) -> None:
        """Reset the attempt count, after progress."""
        self._failed = 0
        self._was_reached = True

    def sleep(self, seconds: float) -> None:
        """Wait without a failure."""
        self._clock.sleep(seconds)

    def wait_or_raise(self, error: NetworkError) -> None:
        """Wait before the next attempt; raise the error if it is permanent or retries are exhausted.

        A server that was reached before and is unreachable now may be restarting: that is retried, too.
        """
        is_unreachable = isinstance(error, Unreachable)
        if not (error.passing or (is_unreachable and self._was_reached)):
            raise error
        self._was_reached = self._was_reached or not is_unreachable
        if self._failed >= self._retries:
            raise _with_attempts(error, self._failed + 1)
        seconds = backoff_delay(self._failed, error.retry_after, self._clock.random())
        self._failed += 1
        self._note(
            f"{error.message}; retrying in {seconds:.1f} s (attempt {self._failed + 1} of {self._retries + 1})"
        )
        self._clock.sleep(seconds)


def _with_attempts(error: NetworkError, times: int) -> NetworkError:
    if times > 1:
        error.message = f"{error.message} (after {times} attempts)"
        error.args = (error.message,)
    return error
