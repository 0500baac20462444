"""Redaction of credentials in logged text."""

from __future__ import annotations

import re

_CREDENTIAL = re.compile(r"ev[mr]_\d+_[\w-]+|\beyJ[\w-]+(\.[\w-]*)*")
"""API keys, refresh tokens, and JWTs."""


def redacted(text: str) -> str:
    """Return a text with credentials replaced."""
    return _CREDENTIAL.sub("…", text)
