"""Reads bodies strictly, as what their handlers declare: a text is no number, and nothing is guessed.

The framework would decode to plain values, and convert those leniently (`"1"` to 1): twice the work, and too kind.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from litestar import Request

from envmgr.server.kit.problems import InvalidFields, Malformed

_WHERE = re.compile(r" - at `(?:key in )?\$(.*)`$", re.DOTALL)


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded as the type of its handler's `data`."""

    async def json(self) -> Any:
        """Decode the body. Raise InvalidFields or Malformed."""
        field = self.route_handler.parsed_data_field
        return decoded(await self.body(), Any if field is None else field.annotation)


def decoded(body: bytes, kind: Any) -> Any:
    """Decode JSON as a type. Raise InvalidFields where it says something else, Malformed where it is none."""
    try:
        return _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        message = str(error)
        where = _WHERE.search(message)
        pointer = _pointer(where[1]) if where else ""
        raise InvalidFields(
            "some fields hold what they cannot", errors=[(pointer, _WHERE.sub("", message))]
        ) from None
    except msgspec.DecodeError as error:
        raise Malformed(f"the body cannot be read: {error}") from None
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8: byte {error.object[error.start]:#04x}") from None
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _pointer(path: str) -> str:
    """Turn `.artifacts[0].name` into a JSON pointer (RFC 6901); what is not named, of a mapping, is left out."""
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path)
    return "".join("/" + (name or index).replace("~", "~0").replace("/", "~1") for name, index in steps)
