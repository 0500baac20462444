"""Says in words what a value should have been, where the decoder would show a regular expression, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Meta, inspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORDS: dict[str, str] = {}
"""What the decoder says of a text that does not match, and the words for that: written where types are declared."""


def worded(words: str, *, pattern: str, **rest: Any) -> Meta:
    """Make what a text is held to: a pattern, and words for who typed one that does not match it."""
    _WORDS[f"Expected `str` matching regex {pattern!r}"] = words
    return Meta(pattern=pattern, **rest)


def in_words(message: str) -> str:
    """Return a message of the decoder, in words where there are some for its pattern."""
    return _WORDS.get(message, message)


def choices(kind: Any, steps: Iterable[str]) -> Sequence[str]:
    """Return the texts that a type allows at a place of it, where it names them one by one."""
    found: inspect.Type | None = inspect.type_info(kind)
    for step in steps:
        found = _inner(_bare(found), step)
    found = _bare(found)
    return [str(value) for value in found.values] if isinstance(found, inspect.LiteralType) else ()


def _inner(kind: inspect.Type | None, step: str) -> inspect.Type | None:
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), None)
    return kind.item_type if isinstance(kind, inspect.VarTupleType) else None


def _bare(kind: inspect.Type | None) -> inspect.Type | None:
    """Return a type without what is only said of it, and without that it may be left out."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next((each for each in map(_bare, kind.types) if isinstance(each, _HOLDING)), None)
    return kind


_HOLDING = (inspect.StructType, inspect.VarTupleType, inspect.LiteralType)
__all__ = ["choices", "in_words", "worded"]
