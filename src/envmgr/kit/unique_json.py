"""JSON decoding that refuses duplicate keys, on which parsers disagree."""

from __future__ import annotations

import json


class DuplicateKeyError(ValueError):
    """An object has a duplicate key; the message quotes it."""


def loads(text: str | bytes) -> object:
    """Return the value of a JSON text; raise DuplicateKeyError, or another ValueError for malformed JSON."""
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise DuplicateKeyError(f"duplicate key {json.dumps(duplicate)}")
    return table
