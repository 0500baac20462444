"""Human-readable validation messages, in place of the decoder's regular expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Meta, inspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MESSAGES: dict[str, str] = {}
"""Decoder messages for patterns, and their replacements, registered where types are declared."""


def described_pattern(message: str, *, pattern: str, **constraints: Any) -> Meta:
    """Return a pattern constraint with the message to show if a value does not match."""
    _MESSAGES[f"Expected `str` matching regex {pattern!r}"] = message
    return Meta(pattern=pattern, **constraints)


def humanize(message: str) -> str:
    """Return the replacement of a decoder message, or the message itself."""
    return _MESSAGES.get(message, message)


def enum_values(type_: Any, path: Iterable[str]) -> Sequence[str]:
    """Return the values that an enumeration allows at a path of a type."""
    result: inspect.Type | None = inspect.type_info(type_)
    for step in path:
        result = _inner(_unwrap(result), step)
    result = _unwrap(result)
    return [str(value) for value in result.values] if isinstance(result, inspect.LiteralType) else ()


def _inner(kind: inspect.Type | None, step: str) -> inspect.Type | None:
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), None)
    return kind.item_type if isinstance(kind, inspect.VarTupleType) else None


def _unwrap(type_: inspect.Type | None) -> inspect.Type | None:
    """Return a type without `Annotated` metadata and without `None`."""
    if isinstance(type_, inspect.Metadata):
        return _unwrap(type_.type)
    if isinstance(type_, inspect.UnionType):
        return next((item for item in map(_unwrap, type_.types) if isinstance(item, _CONTAINERS)), None)
    return type_


_CONTAINERS = (inspect.StructType, inspect.VarTupleType, inspect.LiteralType)
__all__ = ["described_pattern", "enum_values", "humanize"]
