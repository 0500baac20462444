"""JSON written in one way only, so that it can be hashed: RFC 8785 (https://www.rfc-editor.org/rfc/rfc8785).

Numbers are integers that every reader of JSON keeps exactly; others are refused, not rounded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST = 2**53 - 1
DEEPEST = 100

_WORDS = {None: "null", True: "true", False: "false"}


def canonical(value: object) -> bytes:
    """Write a value of JSON; ValueError says what cannot be written."""
    from json.encoder import encode_basestring  # quotes as RFC 8785 asks: escapes only what JSON must

    text = _written(value, encode_basestring, DEEPEST)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a surrogate pair, which is no character") from None


def _written(value: object, quoted: Callable[[str], str], room: int) -> str:
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int):
        return _number(value)
    if not room:
        raise ValueError(f"values are nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        return _members(value, quoted, room - 1)
    if isinstance(value, list | tuple):
        return f"[{','.join([_written(item, quoted, room - 1) for item in value])}]"
    raise ValueError(f"{type(value).__name__} is nothing that is written here; numbers must be whole")


def _number(number: int) -> str:
    if not -LARGEST <= number <= LARGEST:
        raise ValueError(
            "a number is beyond ±(2^53 - 1), the largest that every reader of JSON keeps exactly"
        )
    return int.__repr__(number)


def _members(members: Mapping[str, object], quoted: Callable[[str], str], room: int) -> str:
    if not all(isinstance(name, str) for name in members):
        raise ValueError("a name of a member is no text")
    written = [
        f"{quoted(name)}:{_written(members[name], quoted, room)}" for name in sorted(members, key=_units)
    ]
    return f"{{{','.join(written)}}}"


def _units(name: str) -> bytes:
    """Return what names are sorted by: their UTF-16 code units."""
    return name.encode("utf-16-be", "surrogatepass")
