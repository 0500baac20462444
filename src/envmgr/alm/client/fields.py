"""What the server answers, read with care: a field that is missing or odd is said, not stumbled over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import AlmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Document = Mapping[str, object]


def require_object(answer: object) -> Document:
    """Return an answer that must be a JSON object."""
    if not isinstance(answer, dict):
        raise _unexpected(f"an object was expected, and it is {_kind(answer)}")
    return answer


def get_str(source: Document, name: str) -> str:
    """Return a field that must be a string."""
    value = source.get(name)
    if not isinstance(value, str):
        raise _unexpected(f"its field `{name}` is {_kind(value)}")
    return value


def get_name(source: Document, field: str) -> str:
    """Return a field that must be a name or the like: it can be printed as it is, on one line."""
    value = get_str(source, field)
    if not value.isprintable():
        raise _unexpected(f"its field `{field}` holds characters that no name has")
    return value


def get_str_or_none(source: Document, name: str) -> str | None:
    """Return a field that may be a string, or null, or missing."""
    return None if source.get(name) is None else get_str(source, name)


def get_int(source: Document, name: str) -> int:
    """Return a field that must be an integer."""
    value = source.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unexpected(f"its field `{name}` is {_kind(value)}")
    return value


def etag_of(resource: Document) -> str:
    """Return the name of the state that a resource is in: what the server puts into its ETag."""
    return f"{get_int(resource, 'id')}.{get_int(resource, 'rev')}"


def get_int_or_none(source: Document, name: str) -> int | None:
    """Return a field that may be an integer, or null, or missing."""
    return None if source.get(name) is None else get_int(source, name)


def get_object(source: Document, name: str) -> Document:
    """Return a field that must be an object."""
    value = source.get(name)
    if not isinstance(value, dict):
        raise _unexpected(f"its field `{name}` is {_kind(value)}")
    return value


def get_object_or_none(source: Document, name: str) -> Document | None:
    """Return a field that may be an object, or null, or missing."""
    return None if source.get(name) is None else get_object(source, name)


def get_objects(source: Document, name: str) -> tuple[Document, ...]:
    """Return a field that must be an array of objects."""
    value = source.get(name)
    if not isinstance(value, list | tuple) or not all(isinstance(one, dict) for one in value):
        raise _unexpected(f"its field `{name}` is {_kind(value)}")
    return tuple(value)


def get_strs(source: Document, name: str) -> tuple[str, ...]:
    """Return a field that must be an array of strings."""
    value = source.get(name)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise _unexpected(f"its field `{name}` is {_kind(value)}")
    return tuple(value)


_KINDS = {dict: "an object", list: "a list", str: "text", int: "a number", bool: "true or false"}


def _kind(value: object) -> str:
    return "missing" if value is None else _KINDS.get(type(value), "something else")


def _unexpected(what: str) -> AlmError:
    return AlmError(
        f"the server's answer is not what was expected: {what}",
        "look whether the setting `alm_url` names an ALM server, and whether it or envmgr is too old",
    )
