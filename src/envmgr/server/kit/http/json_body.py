"""Reads bodies strictly, as what their handlers declare: a text is no number, and nothing is guessed.

The framework would decode to plain values, and convert those leniently (`"1"` to 1): twice the work, and too kind.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request
from litestar.types import Empty

from envmgr.server.kit.common.problems import BadRequest, InvalidFields
from envmgr.server.kit.http.validation_messages import enum_values, humanize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from litestar.types import Receive

DUPLICATE_CHECK_MAX_BYTES = 16 * 2**10
"""Bytes of a body in which names are looked for that come twice: in larger ones, that would hold others up."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_WHERE = re.compile(r" - at `(?:key` in `)?\$(.*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_NO_CHOICE = "Invalid enum value "


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded as the type of its handler's `data`."""

    async def body(self) -> bytes:
        """Return the whole body. The door limits it: the framework's own reading counts and checks once more."""
        if self._body is Empty:
            self._body = await _read_all(self.receive)
        return self._body

    async def json(self) -> Any:
        """Decode the body. Raise InvalidFields or Malformed."""
        field = self.route_handler.parsed_data_field
        return decode(await self.body(), Any if field is None else field.annotation)


async def _read_all(receive: Receive) -> bytes:
    pieces = []
    is_over = False
    while not is_over:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest("the connection ended before the body did")
        pieces.append(message.get("body", b""))
        is_over = not message.get("more_body")
    return b"".join(pieces)


def decode(body: bytes, type_: Any) -> Any:
    """Decode JSON as a type. Raise InvalidFields where it says something else, Malformed where it is none."""
    try:
        value = _decoder(type_).decode(body)
        if len(body) <= DUPLICATE_CHECK_MAX_BYTES:
            _reject_duplicate_keys(body)
    except msgspec.ValidationError as error:
        raise InvalidFields(
            "some fields hold what they cannot", errors=[_field_error(str(error), type_)]
        ) from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"the body cannot be read: {_describe_decode_error(error, body)}") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: byte {error.object[error.start]:#04x}") from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None
    return value


def _field_error(message: str, type_: Any) -> tuple[str, str]:
    """Return a pointer to what the decoder tells of, and what is wrong there in words."""
    where = _WHERE.search(message)
    steps = _path_segments(where[1]) if where else []
    said = _WHERE.sub("", message)
    if found := _UNKNOWN.fullmatch(said):
        return _pointer([*steps, found[1]]), "there is no such field"
    if found := _MISSING.fullmatch(said):
        return _pointer([*steps, found[1]]), "it must be given"
    if said.startswith(_NO_CHOICE) and (known := enum_values(type_, steps)):
        return _pointer(steps), f"{said.removeprefix(_NO_CHOICE)} is none of {', '.join(known)}"
    return _pointer(steps), humanize(said)


def _describe_decode_error(error: msgspec.DecodeError, body: bytes) -> str:
    """Say what is wrong with a body; of half a surrogate pair, the reader says all kinds of things."""
    half = _SURROGATE.search(body)
    if half and ("surrogate" in str(error) or "truncated" in str(error)):
        return f"{half[0].decode()} is half of a character (a surrogate without its other half)"
    return str(error)


class _DuplicateKeyError(ValueError):
    """A name comes twice."""


class _ObjectPairs(tuple[tuple[str, Any], ...]):
    """An object with the names it was written with."""

    __slots__ = ()


def _reject_duplicate_keys(body: bytes) -> None:
    """Raise InvalidFields for names that come twice in an object: every reader guesses which one counts."""
    try:
        _UNIQUE_DECODER.decode(body.decode())
    except _DuplicateKeyError:
        pointers = sorted(set(_find_duplicates(_PAIRS_DECODER.decode(body.decode()), "")))
        raise InvalidFields(
            "some fields come twice", errors=[(pointer, "say it once") for pointer in pointers]
        ) from None


def _unique_pairs(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _DuplicateKeyError


def _find_duplicates(value: Any, at: str) -> Iterator[str]:
    """Give a pointer to each name that comes twice."""
    if isinstance(value, _ObjectPairs):
        names = [name for name, _ in value]
        for name, inner in value:
            pointer = f"{at}/{_escape_pointer(name)}"
            if names.count(name) > 1:
                yield pointer
            yield from _find_duplicates(inner, pointer)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _find_duplicates(inner, f"{at}/{index}")


_UNIQUE_DECODER = json.JSONDecoder(object_pairs_hook=_unique_pairs)
_PAIRS_DECODER = json.JSONDecoder(object_pairs_hook=_ObjectPairs)


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _path_segments(path: str) -> list[str]:
    """Take `.artifacts[0].name` apart; what is not named, of a mapping, is left out."""
    return [name or index for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path)]


def _pointer(segments: Iterable[str]) -> str:
    """Spell a JSON pointer (RFC 6901)."""
    return "".join("/" + _escape_pointer(step) for step in segments)


def _escape_pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
