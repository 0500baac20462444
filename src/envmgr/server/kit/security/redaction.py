"""Credentials in texts that are kept: redacted in logs, refused in bodies."""

from __future__ import annotations

import re

_CREDENTIAL = re.compile(
    r"ev[mr]_\d+_[\w-]+|\beyJ[\w-]+(\.[\w-]*)*"
    r"|\bgh[opusr]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}(\.[\w-]+)*"
    r"|\bnpm_[A-Za-z0-9]{16,}|\bpypi-AgE[\w-]{13,}|\bAKIA[A-Z0-9]{16}\b|\bxox[a-z]-[\w-]{10,}"
)
"""API keys, refresh tokens and JWTs; tokens of GitHub, GitLab, npm, PyPI, AWS and Slack, which are sent by mistake."""
_BEGINNING = re.compile(r"(?:ev[mr]|gh[opusr]|pat|npm)_")
"""Of those with an underscore."""
_WHOLE_CREDENTIAL = re.compile(rb"ev[mr]_\d+_[\w-]{16}|\beyJ[\w-]{8,}\.[\w-]{8,}\.")
"""One that is complete enough to be used; a digest or an example rarely looks like it."""


def redact(text: str) -> str:
    """Return a text with credentials replaced."""
    return _CREDENTIAL.sub("…", text) if _has_beginning(text) else text


def _has_beginning(text: str) -> bool:
    """Return whether a text has a beginning of a credential."""
    # Most texts have none, and need no search for the whole pattern.
    return (
        ("_" in text and _BEGINNING.search(text) is not None)
        or "eyJ" in text
        or "glpat-" in text
        or "pypi-AgE" in text
        or "AKIA" in text
        or "xox" in text
    )


def has_credential(content: bytes) -> bool:
    """Return whether a content has an API key, a refresh token or a JWT."""
    has_beginning = b"evm_" in content or b"evr_" in content or b"eyJ" in content
    return has_beginning and _WHOLE_CREDENTIAL.search(content) is not None
