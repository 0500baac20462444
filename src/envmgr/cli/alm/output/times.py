"""Formatting of times and ages."""

from __future__ import annotations

from datetime import UTC, datetime

_AGE_UNITS = (
    (60, 1, "s"),
    (60 * 60, 60, "m"),
    (48 * 3_600, 3_600, "h"),
    (60 * 86_400, 86_400, "d"),
    (2 * 365 * 86_400, 30 * 86_400, "mo"),
)
_YEAR_SECONDS = 365 * 86_400
_SOON_SECONDS = 48 * 3_600


def age(seconds: float) -> str:
    """Format an age in a suitable unit: 45s, 12m, 36h, 40d, 8mo, 3y."""
    total = max(int(seconds), 0)
    for below, unit, suffix in _AGE_UNITS:
        if total < below:
            return f"{total // unit}{suffix}"
    return f"{total // _YEAR_SECONDS}y"


def since(timestamp: str, now: float) -> str:
    """Format the age of a timestamp (RFC 3339); empty if it is invalid."""
    at = _parse(timestamp)
    return "" if at is None else age(now - at.timestamp())


def end(timestamp: str, now: float) -> str:
    """Format an expiry: the remaining time within two days, else the date; empty if it is invalid."""
    at = _parse(timestamp)
    if at is None:
        return ""
    left = at.timestamp() - now
    if left <= 0:
        return "expired"
    return f"in {age(left)}" if left < _SOON_SECONDS else _format(at)[:10]


def when(timestamp: str) -> str:
    """Format a timestamp (RFC 3339) to the second, in UTC."""
    at = _parse(timestamp)
    return timestamp if at is None else _format(at)


def when_ms(milliseconds: int) -> str:
    """Format milliseconds since 1970, in UTC."""
    try:
        return _format(datetime.fromtimestamp(milliseconds / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)


def _parse(timestamp: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _format(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
