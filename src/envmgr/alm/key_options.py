"""What is said of an API key when it is made: what it is good for, and for how long. Pure."""

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
"""What `push` needs to register versions of apps that are there."""

_MINUTE = 60
_UNITS = {"m": _MINUTE, "h": 60 * _MINUTE, "d": 24 * 60 * _MINUTE, "w": 7 * 24 * 60 * _MINUTE}
MAX_LIFETIME_SECONDS = 5 * 366 * _UNITS["d"]
"""The most seconds that the server lets a key last."""

_DIGITS = 9


def parse_scopes(given: Sequence[str]) -> tuple[str, ...]:
    """Return each scope once, or those that `push` needs where none is given; raise UsageError for one there is not."""
    for one in given:
        if one not in SCOPES:
            near = closest(one, SCOPES, 2)
            maybe = f"; did you mean {' or '.join(near)}?" if near else ""
            raise UsageError(f"there is no scope {one!r}", f"scopes are {', '.join(SCOPES)}{maybe}")
    return tuple(dict.fromkeys(given)) or PUSH_SCOPES


def parse_duration(spelled: str) -> int:
    """Return how long `90d`, `12h`, `30m` or `2w` is; raise UsageError for what no key can last."""
    count, unit = spelled[:-1], _UNITS.get(spelled[-1:])
    if unit is None or not (count.isascii() and count.isdigit() and len(count) <= _DIGITS and int(count)):
        raise UsageError(
            f"{spelled!r} is no time that a key can last",
            "say minutes, hours, days or weeks: 30m, 12h, 90d, 2w",
        )
    found = int(count) * unit
    if found > MAX_LIFETIME_SECONDS:
        raise UsageError(
            f"a key cannot last as long as {spelled}",
            f"the longest is {MAX_LIFETIME_SECONDS // _UNITS['d']}d; without --expires it lasts until it is revoked",
        )
    return found
