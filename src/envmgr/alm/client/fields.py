"""What the server answers, read with care: a field that is missing or odd is said, not stumbled over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import AlmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Document = Mapping[str, object]


def document(answer: object) -> Document:
    """Return an answer that must be a JSON object."""
    if not isinstance(answer, dict):
        raise _odd(f"an object was expected, and it is {_kind(answer)}")
    return answer


def text(source: Document, name: str) -> str:
    """Return a field that must be a string."""
    value = source.get(name)
    if not isinstance(value, str):
        raise _odd(f"its field `{name}` is {_kind(value)}")
    return value


def word(source: Document, field: str) -> str:
    """Return a field that must be a name or the like: it can be printed as it is, on one line."""
    value = text(source, field)
    if not value.isprintable():
        raise _odd(f"its field `{field}` holds characters that no name has")
    return value


def text_or_none(source: Document, name: str) -> str | None:
    """Return a field that may be a string, or null, or missing."""
    return None if source.get(name) is None else text(source, name)


def number(source: Document, name: str) -> int:
    """Return a field that must be an integer."""
    value = source.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _odd(f"its field `{name}` is {_kind(value)}")
    return value


def state_of(resource: Document) -> str:
    """Return the name of the state that a resource is in: what the server puts into its ETag."""
    return f"{number(resource, 'id')}.{number(resource, 'rev')}"


def number_or_none(source: Document, name: str) -> int | None:
    """Return a field that may be an integer, or null, or missing."""
    return None if source.get(name) is None else number(source, name)


def part(source: Document, name: str) -> Document:
    """Return a field that must be an object."""
    value = source.get(name)
    if not isinstance(value, dict):
        raise _odd(f"its field `{name}` is {_kind(value)}")
    return value


def part_or_none(source: Document, name: str) -> Document | None:
    """Return a field that may be an object, or null, or missing."""
    return None if source.get(name) is None else part(source, name)


def parts(source: Document, name: str) -> tuple[Document, ...]:
    """Return a field that must be an array of objects."""
    value = source.get(name)
    if not isinstance(value, list | tuple) or not all(isinstance(one, dict) for one in value):
        raise _odd(f"its field `{name}` is {_kind(value)}")
    return tuple(value)


def texts(source: Document, name: str) -> tuple[str, ...]:
    """Return a field that must be an array of strings."""
    value = source.get(name)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise _odd(f"its field `{name}` is {_kind(value)}")
    return tuple(value)


_KINDS = {dict: "an object", list: "a list", str: "text", int: "a number", bool: "true or false"}


def _kind(value: object) -> str:
    return "missing" if value is None else _KINDS.get(type(value), "something else")


def _odd(what: str) -> AlmError:
    return AlmError(
        f"the server's answer is not what was expected: {what}",
        "look whether the setting `alm_url` names an ALM server, and whether it or envmgr is too old",
    )
