"""Canonical JSON for hashing: RFC 8785 (https://www.rfc-editor.org/rfc/rfc8785), integers only.

Numbers are integers that every reader of JSON keeps exactly; others are refused, not rounded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 100

_WORDS = {None: "null", True: "true", False: "false"}


def canonicalize(value: object) -> bytes:
    """Serialize a value as canonical JSON; raise ValueError if it cannot be represented exactly."""
    from json.encoder import encode_basestring  # quotes as in RFC 8785: only mandatory escapes

    text = _serialize(value, encode_basestring, MAX_DEPTH)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("lone surrogate in string") from None


def _serialize(value: object, quoted: Callable[[str], str], depth_left: int) -> str:
    # Comparing types takes a third less time than isinstance.
    if type(value) is str:
        return quoted(value)
    if type(value) is int:
        return _number(value)
    if type(value) is dict:
        return _members(value, quoted, depth_left)
    if type(value) is list or type(value) is tuple:
        inner = _one_level_deeper(depth_left)
        return f"[{','.join([_serialize(item, quoted, inner) for item in value])}]"
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    raise ValueError(f"cannot serialize {type(value).__name__} (numbers must be integers)")


def _number(number: int) -> str:
    if not -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        raise ValueError("integer is beyond ±(2^53 - 1), which JSON readers may round")
    return str(number)


def _members(members: Mapping[str, object], quoted: Callable[[str], str], depth_left: int) -> str:
    inner = _one_level_deeper(depth_left)
    try:
        names = sorted(members) if "".join(members).isascii() else sorted(members, key=_units)
    except TypeError:
        raise ValueError("object key is not a string") from None
    return f"{{{','.join([f'{quoted(name)}:{_serialize(members[name], quoted, inner)}' for name in names])}}}"


def _one_level_deeper(depth_left: int) -> int:
    if not depth_left:
        raise ValueError(f"nesting exceeds {MAX_DEPTH} levels")
    return depth_left - 1


def _units(name: str) -> bytes:
    """Return the sort key of an object key: its UTF-16 code units."""
    return name.encode("utf-16-be", "surrogatepass")
