"""Ids: of resources, integers; of events and requests, UUID version 7 (RFC 9562, section 5.7), which sort by time."""

from __future__ import annotations

import os

from envmgr.server.kit.clock import now_ms

LONGEST = 16
"""Digits; JSON carries no more everywhere."""


def uuid7() -> str:
    """Make an id."""
    time, random = f"{now_ms():012x}", os.urandom(10).hex()
    variant = "89ab"[int(random[3], 16) & 3]
    return f"{time[:8]}-{time[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"


def is_id(ref: str) -> bool:
    """Say whether a reference is an id, not a name."""
    return ref.isascii() and ref.isdecimal()


def as_id(digits: str) -> int:
    """Read an id; one that is too large for any resource, and for the database, becomes 0, which nothing has."""
    return int(digits) if len(digits) <= LONGEST else 0
