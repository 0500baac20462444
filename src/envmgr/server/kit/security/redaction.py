"""Redaction of credentials in logged text."""

from __future__ import annotations

import re

_CREDENTIAL = re.compile(r"ev[mr]_\d+_[\w-]+|\beyJ[\w-]+(\.[\w-]*)*")
"""API keys, refresh tokens, and JWTs."""


def redacted(text: str) -> str:
    """Return a text with credentials replaced."""
    # Most texts have neither beginning, and need no search for the whole pattern.
    return _CREDENTIAL.sub("…", text) if "ev" in text or "eyJ" in text else text
