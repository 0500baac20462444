"""Ids: of resources, integers; of events and requests, UUID version 7 (RFC 9562, section 5.7), which sort by time."""

from __future__ import annotations

import random

from envmgr.server.kit.common.clock import now_ms

_random = random.Random()  # noqa: S311 - see `uuid7`
LONGEST = 16
"""Digits; JSON carries no more everywhere."""


def uuid7() -> str:
    """Make an id."""
    # No secret: an id need only be another one. To ask the system for each would let another thread run first.
    time, drawn = f"{now_ms():012x}", f"{_random.getrandbits(76):019x}"
    variant = "89ab"[int(drawn[3], 16) & 3]
    return f"{time[:8]}-{time[8:]}-7{drawn[:3]}-{variant}{drawn[4:7]}-{drawn[7:]}"


def is_id(ref: str) -> bool:
    """Say whether a reference is an id, not a name."""
    return ref.isascii() and ref.isdecimal()


def as_id(digits: str) -> int:
    """Read an id; one that is too large for any resource, and for the database, becomes 0, which nothing has."""
    return int(digits) if len(digits) <= LONGEST else 0
