"""Ids: of resources, integers; of events and requests, UUID version 7 (RFC 9562, section 5.7), which sort by time."""

from __future__ import annotations

import os

from envmgr.server.kit.clock import now_ms

LONGEST = 16
"""Digits; JSON carries no more everywhere."""


def uuid7() -> str:
    """Make an id."""
    random = int.from_bytes(os.urandom(10), "big")
    high, low = (random >> 62) & 0xFFF, random & (2**62 - 1)
    number = (now_ms() & (2**48 - 1)) << 80 | 7 << 76 | high << 64 | 2 << 62 | low
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(ref: str) -> bool:
    """Say whether a reference is an id, not a name."""
    return ref.isascii() and ref.isdecimal()


def as_id(digits: str) -> int:
    """Read an id; one that is too large for any resource, and for the database, becomes 0, which nothing has."""
    return int(digits) if len(digits) <= LONGEST else 0
