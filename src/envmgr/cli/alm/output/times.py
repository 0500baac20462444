"""Times as people read them: how long ago, and when."""

from __future__ import annotations

from datetime import UTC, datetime

_STEPS = (
    (60, 1, "s"),
    (60 * 60, 60, "m"),
    (48 * 3_600, 3_600, "h"),
    (60 * 86_400, 86_400, "d"),
    (2 * 365 * 86_400, 30 * 86_400, "mo"),
)
_YEAR = 365 * 86_400
_SOON = 48 * 3_600


def age(seconds: float) -> str:
    """Spell an age in the unit that suits it: 45s, 12m, 36h, 40d, 8mo, 3y."""
    whole = max(int(seconds), 0)
    for below, unit, letter in _STEPS:
        if whole < below:
            return f"{whole // unit}{letter}"
    return f"{whole // _YEAR}y"


def since(moment: str, now: float) -> str:
    """Spell how long ago a moment (RFC 3339) was; nothing for what is no moment."""
    at = _read(moment)
    return "" if at is None else age(now - at.timestamp())


def end(moment: str, now: float) -> str:
    """Spell when something ends: how soon, if that is within two days, else the day; nothing for what is no moment."""
    at = _read(moment)
    if at is None:
        return ""
    left = at.timestamp() - now
    if left <= 0:
        return "expired"
    return f"in {age(left)}" if left < _SOON else _spelled(at)[:10]


def when(moment: str) -> str:
    """Spell a moment (RFC 3339) to the second, in UTC."""
    at = _read(moment)
    return moment if at is None else _spelled(at)


def when_ms(milliseconds: int) -> str:
    """Spell a moment given in milliseconds since 1970, in UTC."""
    try:
        return _spelled(datetime.fromtimestamp(milliseconds / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)


def _read(moment: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _spelled(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
