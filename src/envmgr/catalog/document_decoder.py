"""Decoder of release lists: JSON, NDJSON, TSV, TOML and plain text."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMATS = ("json", "ndjson", "tsv", "text", "toml")
MAX_ENTRIES = 100_000
"""More entries than this are no list of releases; real ones have a few thousand at most."""

LIMITS = {"json": 24 * 2**20, "toml": 8 * 2**20, "ndjson": 96 * 2**20, "tsv": 24 * 2**20, "text": 24 * 2**20}
"""The largest body of each format that is read, in bytes; python-build-standalone's has some 30 MB."""

_ENDINGS = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".toml": "toml",
    ".txt": "text",
}


def format_of(url: str) -> str:
    """Guess a document's format from its URL; JSON is what most are."""
    path = url.partition("?")[0].partition("#")[0].lower()
    return next((kind for ending, kind in _ENDINGS.items() if path.endswith(ending)), "json")


def decode(body: bytes, kind: str) -> object:
    """Return the decoded body; raise ValueError with the position of the first error.

    NDJSON returns views of its lines, to be decoded with `value_of`: a list of 30 MB, of which one entry is used in
    the end, is then never in memory twice. TSV returns a list of objects by the names of its first line, text a list
    of its lines without blank ones and `#` comments.
    """
    if kind == "ndjson":
        return _lines(body)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    return _DECODERS[kind](text)


def value_of(entry: object) -> object:
    """Decode an entry that is still a line of NDJSON; any other is a value already."""
    if not isinstance(entry, memoryview):
        return entry
    try:
        return json_of(bytes(entry).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None


def entries(document: object) -> Iterator[object]:
    """Yield a list's entries; raise ValueError if it is not a list or too long."""
    if isinstance(document, dict | str) or not hasattr(document, "__iter__"):
        raise wrong_type_error("a list", document)
    iterator = iter(cast("Iterable[object]", document))
    yield from islice(iterator, MAX_ENTRIES)
    if next(iterator, None) is not None:
        raise ValueError(f"more than {MAX_ENTRIES} entries")


def entries_from_object(document: object) -> list[object]:
    """Convert an object to a list: of its values with their keys as `key`, others as `value`."""
    if not isinstance(document, dict):
        raise wrong_type_error("an object", document)
    return [
        {"key": key, **value} if isinstance(value, dict) else {"key": key, "value": value}
        for key, value in document.items()
    ]


def wrong_type_error(expected: str, value: object) -> ValueError:
    """Create the error for a value of another type than expected."""
    return ValueError(f"expected {expected}, got {type_name(value)}")


def type_name(value: object) -> str:
    """Return the type of a JSON value, for messages."""
    if value is None:
        return "nothing"
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")


def json_of(text: str) -> object:
    """Return decoded JSON; raise ValueError with line, column and the text at that position."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        start = text[max(0, error.pos - 10) : error.pos + 30].strip()
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}, at {start!r}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _lines(body: bytes) -> Iterator[memoryview]:
    view, start = memoryview(body), 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        if body[start:end].strip():
            yield view[start:end]
        start = end + 1


def _tsv(text: str) -> list[dict[str, str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    names = lines[0].split("\t") if lines else []
    return [dict(zip(names, line.split("\t"), strict=False)) for line in lines[1:]]


def _toml(text: str) -> object:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(str(error)) from None


def _text(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


_DECODERS = {"json": json_of, "tsv": _tsv, "toml": _toml, "text": _text}
