"""Says in words what a value should have been, where the decoder would show a regular expression, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Meta, inspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MESSAGES: dict[str, str] = {}
"""What the decoder says of a text that does not match, and the words for that: written where types are declared."""


def described_pattern(message: str, *, pattern: str, **rest: Any) -> Meta:
    """Make what a text is held to: a pattern, and words for who typed one that does not match it."""
    _MESSAGES[f"Expected `str` matching regex {pattern!r}"] = message
    return Meta(pattern=pattern, **rest)


def humanize(message: str) -> str:
    """Return a message of the decoder, in words where there are some for its pattern."""
    return _MESSAGES.get(message, message)


def enum_values(type_: Any, path: Iterable[str]) -> Sequence[str]:
    """Return the texts that a type allows at a place of it, where it names them one by one."""
    found: inspect.Type | None = inspect.type_info(type_)
    for step in path:
        found = _inner(_unwrap(found), step)
    found = _unwrap(found)
    return [str(value) for value in found.values] if isinstance(found, inspect.LiteralType) else ()


def _inner(kind: inspect.Type | None, step: str) -> inspect.Type | None:
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), None)
    return kind.item_type if isinstance(kind, inspect.VarTupleType) else None


def _unwrap(type_: inspect.Type | None) -> inspect.Type | None:
    """Return a type without what is only said of it, and without that it may be left out."""
    if isinstance(type_, inspect.Metadata):
        return _unwrap(type_.type)
    if isinstance(type_, inspect.UnionType):
        return next((each for each in map(_unwrap, type_.types) if isinstance(each, _CONTAINERS)), None)
    return type_


_CONTAINERS = (inspect.StructType, inspect.VarTupleType, inspect.LiteralType)
__all__ = ["described_pattern", "enum_values", "humanize"]
