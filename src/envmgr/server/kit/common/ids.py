"""IDs: integers for resources; time-ordered UUIDs (version 7, RFC 9562) for events and requests."""

from __future__ import annotations

import os
import random

from envmgr.server.kit.common.clock import now_ms

_RANDOM_MASK, _VERSION_AND_VARIANT = 0x0FFF_3FFF_FFFF_FFFF_FFFF, 0x7000_8000_0000_0000_0000
"""Of the 80 bits after the time: those that are random, and the version and the variant (RFC 9562, section 5.7)."""
_random = random.Random()  # noqa: S311 - see `uuid7`
if hasattr(os, "register_at_fork"):
    # A forked process would otherwise repeat the IDs of its siblings.
    os.register_at_fork(after_in_child=_random.seed)
MAX_ID_DIGITS = 16
"""Digits of the largest ID that every JSON parser can represent."""


def uuid7() -> str:
    """Return a new UUID version 7."""
    # Uniqueness needs no cryptographic randomness, and each call of the system's generator would switch threads.
    digits = f"{now_ms():012x}{_random.getrandbits(80) & _RANDOM_MASK | _VERSION_AND_VARIANT:020x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_id(ref: str) -> bool:
    """Return whether a reference is an ID rather than a name."""
    return ref.isascii() and ref.isdecimal() and (ref == "0" or ref[0] != "0")


def as_id(digits: str) -> int:
    """Parse an ID; one too large for the database becomes 0, which is never used."""
    return int(digits) if len(digits) <= MAX_ID_DIGITS else 0
