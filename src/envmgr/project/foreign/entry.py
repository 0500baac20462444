"""Requests as files of other version managers name them."""

from __future__ import annotations

import re

from envmgr.kit.frozen import frozen

_V_PREFIX = re.compile(r"(?:v|go)(?=\d)")
_WORDS = {"node": "latest", "stable": "latest", "lts/*": "lts", "lts-latest": "lts"}


@frozen
class ForeignRequest:
    """A tool and its versions in this project's notation; `line` is None where the format has no lines."""

    tool: str
    spec: str
    line: int | None = None


@frozen
class Skipped:
    """An entry that has no counterpart, and the reason."""

    name: str
    reason: str
    line: int | None = None


def to_spec(version: str) -> str:
    """Return a version of another version manager as a spec."""
    text = version.strip().removeprefix("prefix:")
    return _WORDS.get(text, _V_PREFIX.sub("", text, count=1) if _V_PREFIX.match(text) else text)
