"""Timestamps: milliseconds since 1970 inside, RFC 3339 in UTC outside."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def now_ms() -> int:
    """Return the current time in milliseconds."""
    return time.time_ns() // 1_000_000


@lru_cache(1024)
def rfc3339(ms: int) -> str:
    """Format a timestamp: `2026-01-02T03:04:05.678Z`."""
    seconds, milliseconds = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{milliseconds:03}Z"


def parse_rfc3339(text: str) -> int:
    """Parse an RFC 3339 timestamp with a time zone; raise ValueError."""
    timestamp = datetime.fromisoformat(text)
    if timestamp.tzinfo is None:
        raise ValueError(f"timestamp {text!r} has no time zone; append Z")
    return int(timestamp.astimezone(UTC).timestamp() * 1000)
