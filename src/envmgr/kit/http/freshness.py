"""Freshness of responses: how long upstream allows to use one without a request (RFC 9111)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LIFETIME_SECONDS = 3600
"""Users who wait for a release must not wait longer, whatever upstream allows."""

_MAX_DIGITS = 10
_FORBIDDING = frozenset({"no-store", "no-cache"})


def lifetime_seconds(headers: Mapping[str, str]) -> int:
    """Return how long a response may be used, by its Cache-Control; 0 if it must be revalidated."""
    directives = [item.strip().lower() for item in headers.get("cache-control", "").split(",")]
    names = {directive.partition("=")[0].strip() for directive in directives}
    if names & _FORBIDDING or headers.get("vary", "").strip() == "*":
        return 0
    ages = [_seconds(value) for name, _, value in (d.partition("=") for d in directives) if name == "max-age"]
    return min([MAX_LIFETIME_SECONDS, *ages]) if ages else 0


def age_seconds(headers: Mapping[str, str]) -> int:
    """Return how long ago a response was made, by the caches between upstream and here."""
    return _seconds(headers.get("age", ""))


def _seconds(text: str) -> int:
    """Return a number of seconds, 0 if invalid."""
    digits = text.strip().strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS else 0
