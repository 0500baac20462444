"""Options of API keys: scopes and lifetime, without I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import UsageError
from envmgr.kit.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Sequence

SCOPES = (
    "apps:read",
    "apps:write",
    "versions:read",
    "versions:write",
    "deployments:read",
    "deployments:write",
    "environments:write",
    "audit:read",
    "users:admin",
)
PUSH_SCOPES = ("apps:read", "versions:read", "versions:write")
"""The scopes that `push` requires for existing apps."""

_MINUTE = 60
_UNITS = {"m": _MINUTE, "h": 60 * _MINUTE, "d": 24 * 60 * _MINUTE, "w": 7 * 24 * 60 * _MINUTE}
MAX_LIFETIME_SECONDS = 5 * 366 * _UNITS["d"]
"""The server's maximum."""

_MAX_DIGITS = 9


def parse_scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    """Return scopes without duplicates, by default those of `push`; raise UsageError for an unknown one."""
    for scope in scopes:
        if scope not in SCOPES:
            suggestions = closest(scope, SCOPES, 2)
            suffix = f"; did you mean {' or '.join(suggestions)}?" if suggestions else ""
            raise UsageError(f"unknown scope {scope!r}", f"valid scopes: {', '.join(SCOPES)}{suffix}")
    return tuple(dict.fromkeys(scopes)) or PUSH_SCOPES


def parse_duration(text: str) -> int:
    """Return a lifetime (`90d`, `12h`, `30m`, `2w`) in seconds; raise UsageError if it is invalid."""
    count, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not (count.isascii() and count.isdigit() and len(count) <= _MAX_DIGITS and int(count)):
        raise UsageError(
            f"invalid duration {text!r}", "use minutes, hours, days or weeks: 30m, 12h, 90d or 2w"
        )
    seconds = int(count) * unit
    if seconds > MAX_LIFETIME_SECONDS:
        raise UsageError(
            f"duration {text} exceeds the maximum",
            f"the maximum is {MAX_LIFETIME_SECONDS // _UNITS['d']}d; omit --expires for no expiry",
        )
    return seconds
