"""Canonical paths and numbers: refuse spellings that the framework would read as another value."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, get_args

from litestar.params import HeaderParameter

from envmgr.server.kit.common.problems import InvalidFields, NotFound

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler
    from litestar.typing import FieldDefinition

    from envmgr.server.kit.http.requests import HttpRequest

_OMITTED = frozenset({"", "null"})
"""Values with rules of their own (see `requests`)."""
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_ENCODED_SLASH = re.compile(b"%2f", re.IGNORECASE)
OPT_SLASHES_FROM = "slashes_from"
"""Option of a route that validates its path itself: the number of its segments before a value with slashes."""


def require_canonical_path(request: HttpRequest) -> None:
    """Raise NotFound for a second spelling of a path: `/apps/1//`, `/apps%2F1`, `/versions/+1`."""
    scope = request.scope
    raw = scope["raw_path"]  # the framework has decoded `path`, and dropped its empty segments, already
    fixed_segments = request.route_handler.opt.get(OPT_SLASHES_FROM)
    has_empty_segment = b"//" in raw or (raw.endswith(b"/") and raw != b"/")
    if has_empty_segment and fixed_segments is None:
        raise NotFound("not found")
    if b"%" in raw and _has_encoded_separator(raw, fixed_segments):
        raise NotFound("not found")
    for value in request.path_params.values():
        if isinstance(value, int) and str(value) not in scope["path"].split("/"):
            raise NotFound("not found")


def _has_encoded_separator(raw: bytes, fixed_segments: int | None) -> bool:
    """Return whether a segment that takes no slash has an encoded one: proxies route it as one segment."""
    segments = raw.split(b"/")[1:]
    return any(_ENCODED_SLASH.search(segment) for segment in segments[:fixed_segments])


def require_canonical_integers(request: HttpRequest) -> None:
    """Raise InvalidFields for query parameters and headers such as `limit=1e2` or `limit=+1`."""
    queries, headers = _integer_parameters(request.route_handler)
    if not headers and not (queries and request.scope["query_string"]):
        return
    params = request.query_params
    values = [(f"?{name}", value) for name in queries for value in params.getall(name, [])]
    values += [(f"header:{name}", value) for name in headers if (value := request.headers.get(name))]
    errors = [
        (pointer, "expected an integer in decimal digits")
        for pointer, value in values
        if value not in _OMITTED and not _INTEGER.fullmatch(value)
    ]
    if errors:
        raise InvalidFields("invalid fields", errors=errors)


@cache
def _integer_parameters(handler: HTTPRouteHandler) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of a handler's integer query parameters and headers."""
    fields = handler.parsed_fn_signature.parameters.items()
    integers = {
        name: field for name, field in fields if int in (field.annotation, *get_args(field.annotation))
    }
    headers = {name: _header_name(field) for name, field in integers.items()}
    return tuple(name for name in integers if not headers[name]), tuple(filter(None, headers.values()))


def _header_name(field: FieldDefinition) -> str:
    definition = field.kwarg_definition
    return definition.name or "" if isinstance(definition, HeaderParameter) else ""
