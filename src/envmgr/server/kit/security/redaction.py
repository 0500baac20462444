"""Texts that people paste credentials into, such as paths, without them."""

from __future__ import annotations

import re

_CREDENTIAL = re.compile(r"ev[mr]_\d+_[\w-]+|\beyJ[\w-]+(\.[\w-]*)*")
"""API keys, refresh tokens, and JWTs."""


def redacted(text: str) -> str:
    """Take whatever looks like a credential out of a text."""
    return _CREDENTIAL.sub("…", text)
