"""Strict JSON body decoding.

The framework would decode to plain values and convert them leniently (`"1"` to 1), at twice the cost.
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
from envmgr.server.kit.common.threads import run_in_thread
from envmgr.server.kit.http.requests import reauthorize
from envmgr.server.kit.http.validation_messages import enum_values, humanize
from envmgr.server.kit.security.redaction import has_credential

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from litestar.types import Receive

INLINE_CHECK_MAX_BYTES = 16 * 2**10
"""Bodies up to this size are checked for duplicate keys on the event loop; larger ones would delay other requests."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_WHERE = re.compile(r" - at `(?:key` in `)?\$(.*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_NO_CHOICE = "Invalid enum value "


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is decoded strictly as the type of its handler's `data`."""

    async def body(self) -> bytes:
        """Return the whole body of a caller who is still authorized; the middleware enforces the limit."""
        if self._body is Empty:
            self._body = await _read_all(self.receive)
            await reauthorize(self)
        return self._body

    async def json(self) -> Any:
        """Decode the body; raise InvalidFields or BadRequest."""
        field = self.route_handler.parsed_data_field
        type_ = Any if field is None else field.annotation
        body = await self.body()
        if not self.route_handler.opt.get("takes_credentials") and has_credential(body):
            raise BadRequest(
                "the body contains an API key or a token, which the audit log would keep: remove it, and revoke it"
            )
        if len(body) <= INLINE_CHECK_MAX_BYTES:
            return decode(body, type_)
        return await run_in_thread(None, lambda: decode(body, type_))


async def _read_all(receive: Receive) -> bytes:
    pieces = []
    is_over = False
    while not is_over:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest("connection closed before the body was complete")
        pieces.append(message.get("body", b""))
        is_over = not message.get("more_body")
    return b"".join(pieces)


def decode(body: bytes, type_: Any) -> Any:
    """Decode JSON as a type; raise InvalidFields if it does not match, BadRequest if it is malformed."""
    try:
        value = _decoder(type_).decode(body)
        _reject_duplicate_keys(body)
    except msgspec.ValidationError as error:
        raise InvalidFields("invalid fields", errors=[_field_error(str(error), type_)]) from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"malformed JSON body: {_describe_decode_error(error, body)}") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"body is not UTF-8: byte {error.object[error.start]:#04x}") from None
    except RecursionError:
        raise BadRequest("JSON nested too deeply") from None
    return value


def check_constraints(value: object, type_: Any) -> None:
    """Check the constraints of a type on a value that was not decoded from JSON; raise InvalidFields."""
    try:
        msgspec.convert(msgspec.to_builtins(value), type_)
    except msgspec.ValidationError as error:
        raise InvalidFields("invalid fields", errors=[_field_error(str(error), type_)]) from None


def _field_error(message: str, type_: Any) -> tuple[str, str]:
    """Return the pointer and the message of a validation error."""
    where = _WHERE.search(message)
    segments = _path_segments(where[1]) if where else []
    text = _WHERE.sub("", message)
    if match := _UNKNOWN.fullmatch(text):
        return _pointer([*segments, match[1]]), "unknown field"
    if match := _MISSING.fullmatch(text):
        return _pointer([*segments, match[1]]), "required"
    if text.startswith(_NO_CHOICE) and (choices := enum_values(type_, segments)):
        return _pointer(
            segments
        ), f"invalid value {text.removeprefix(_NO_CHOICE)}; expected one of: {', '.join(choices)}"
    return _pointer(segments), humanize(text)


def _describe_decode_error(error: msgspec.DecodeError, body: bytes) -> str:
    """Return a decode error's message; the decoder's own is misleading for lone surrogates."""
    half = _SURROGATE.search(body)
    if half and ("surrogate" in str(error) or "truncated" in str(error)):
        return f"{half[0].decode()} contains a lone surrogate"
    return str(error)


class _DuplicateKeyError(ValueError):
    """An object has a duplicate key."""


class _ObjectPairs(tuple[tuple[str, Any], ...]):
    """An object's members in order, duplicates included."""

    __slots__ = ()


def _reject_duplicate_keys(body: bytes) -> None:
    """Raise InvalidFields for duplicate keys, on which parsers disagree."""
    try:
        _UNIQUE_DECODER.decode(body.decode())
    except _DuplicateKeyError:
        pointers = sorted(set(_find_duplicates(_PAIRS_DECODER.decode(body.decode()), "")))
        raise InvalidFields(
            "duplicate fields", errors=[(pointer, "send it once") for pointer in pointers]
        ) from None


def _unique_pairs(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _DuplicateKeyError


def _find_duplicates(value: Any, at: str) -> Iterator[str]:
    """Yield a pointer to each duplicate key."""
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
    """Return the segments of a path such as `.artifacts[0].name`, without unnamed mapping keys."""
    return [name or index for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path)]


def _pointer(segments: Iterable[str]) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join("/" + _escape_pointer(step) for step in segments)


def _escape_pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
