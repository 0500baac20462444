"""Typed access to fields of API documents; a missing or invalid field raises AlmError."""

from __future__ import annotations

from envmgr.kit.errors import AlmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Document = Mapping[str, object]


def require_object(document: object) -> Document:
    """Return a document that must be a JSON object."""
    if not isinstance(document, dict):
        raise _unexpected_field_error(f"expected an object, got {_kind(document)}")
    return document


def get_str(source: Document, name: str) -> str:
    """Return a field that must be a string."""
    value = source.get(name)
    if not isinstance(value, str):
        raise _unexpected_field_error(f"field `{name}` is {_kind(value)}")
    return value


def get_name(source: Document, field: str) -> str:
    """Return a field that must be a printable string on one line."""
    value = get_str(source, field)
    if not value.isprintable():
        raise _unexpected_field_error(f"field `{field}` contains invalid characters")
    return value


def get_str_or_none(source: Document, name: str) -> str | None:
    """Return a field that may be a string, or null, or missing."""
    return None if source.get(name) is None else get_str(source, name)


def get_int(source: Document, name: str) -> int:
    """Return a field that must be an integer."""
    value = source.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unexpected_field_error(f"field `{name}` is {_kind(value)}")
    return value


def etag_of(resource: Document) -> str:
    """Return the ETag of a resource."""
    return f"{get_int(resource, 'id')}.{get_int(resource, 'rev')}"


def get_int_or_none(source: Document, name: str) -> int | None:
    """Return a field that may be an integer, or null, or missing."""
    return None if source.get(name) is None else get_int(source, name)


def get_object(source: Document, name: str) -> Document:
    """Return a field that must be an object."""
    value = source.get(name)
    if not isinstance(value, dict):
        raise _unexpected_field_error(f"field `{name}` is {_kind(value)}")
    return value


def get_object_or_none(source: Document, name: str) -> Document | None:
    """Return a field that may be an object, or null, or missing."""
    return None if source.get(name) is None else get_object(source, name)


def get_objects(source: Document, name: str) -> tuple[Document, ...]:
    """Return a field that must be an array of objects."""
    value = source.get(name)
    if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
        raise _unexpected_field_error(f"field `{name}` is {_kind(value)}")
    return tuple(value)


def get_strs(source: Document, name: str) -> tuple[str, ...]:
    """Return a field that must be an array of strings."""
    value = source.get(name)
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _unexpected_field_error(f"field `{name}` is {_kind(value)}")
    return tuple(value)


_KINDS = {dict: "an object", list: "a list", str: "text", int: "a number", bool: "true or false"}


def _kind(value: object) -> str:
    return "missing" if value is None else _KINDS.get(type(value), "something else")


def _unexpected_field_error(reason: str) -> AlmError:
    return AlmError(
        f"unexpected server response: {reason}",
        "check that `alm_url` points to an ALM server and that client and server versions match",
    )
