"""Credentials in texts that are kept: redacted in logs, refused in bodies."""

from __future__ import annotations

import re

_CREDENTIAL = re.compile(r"ev[mr]_\d+_[\w-]+|\beyJ[\w-]+(\.[\w-]*)*")
"""API keys, refresh tokens, and JWTs."""
_WHOLE_CREDENTIAL = re.compile(rb"ev[mr]_\d+_[\w-]{16}|\beyJ[\w-]{8,}\.[\w-]{8,}\.")
"""One that is complete enough to be used; a digest or an example rarely looks like it."""


def redacted(text: str) -> str:
    """Return a text with credentials replaced."""
    # Most texts have neither beginning, and need no search for the whole pattern.
    return _CREDENTIAL.sub("…", text) if "ev" in text or "eyJ" in text else text


def has_credential(content: bytes) -> bool:
    """Return whether a content has an API key, a refresh token or a JWT."""
    has_beginning = b"evm_" in content or b"evr_" in content or b"eyJ" in content
    return has_beginning and _WHOLE_CREDENTIAL.search(content) is not None
