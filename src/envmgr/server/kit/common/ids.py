"""IDs: integers for resources; time-ordered UUIDs (version 7, RFC 9562) for events and requests."""

from __future__ import annotations

import random

from envmgr.server.kit.common.clock import now_ms

_random = random.Random()  # noqa: S311 - see `uuid7`
MAX_ID_DIGITS = 16
"""Digits of the largest ID that every JSON parser can represent."""


def uuid7() -> str:
    """Return a new UUID version 7."""
    # Uniqueness needs no cryptographic randomness, and each call of the system's generator would switch threads.
    time, random_bits = f"{now_ms():012x}", f"{_random.getrandbits(76):019x}"
    variant = "89ab"[int(random_bits[3], 16) & 3]
    return f"{time[:8]}-{time[8:]}-7{random_bits[:3]}-{variant}{random_bits[4:7]}-{random_bits[7:]}"


def is_id(ref: str) -> bool:
    """Return whether a reference is an ID rather than a name."""
    return ref.isascii() and ref.isdecimal() and (ref == "0" or ref[0] != "0")


def as_id(digits: str) -> int:
    """Parse an ID; one too large for the database becomes 0, which is never used."""
    return int(digits) if len(digits) <= MAX_ID_DIGITS else 0
