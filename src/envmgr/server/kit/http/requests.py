"""Request helpers: context, idempotency key, pagination and scope checks."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request

from envmgr.server.kit.common.context import Idempotency, RequestContext
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import BadRequest, Forbidden, InvalidFields
from envmgr.server.kit.http.asgi import SCOPE_CONTEXT, SCOPE_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping

HttpRequest = Request[Any, Any, Any]

_IDEMPOTENCY_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')

_ETAG = re.compile(r'(?:^|,)[ \t]*"([^"]*)"[ \t]*(?=,|$)')


def request_context(request: HttpRequest) -> RequestContext:
    """Return who asks, with the condition (`If-Match`) that they make."""
    scope: Mapping[str, Any] = request.scope
    context: RequestContext = scope[SCOPE_CONTEXT]
    header = header_value(request, b"if-match")
    if header is None or header == b"*":
        return context
    # Whatever else it holds, a weak tag too, is none that was ever given out.
    return msgspec.structs.replace(context, if_match=frozenset(_ETAG.findall(header.decode("latin-1"))))


async def idempotent_context(request: HttpRequest) -> RequestContext:
    """Return who posts, with their Idempotency-Key."""
    context = request_context(request)
    header = header_value(request, b"idempotency-key")
    if header is None:
        return context
    match = _IDEMPOTENCY_KEY.fullmatch(header.decode("latin-1"))
    if match is None:
        raise BadRequest(
            "an Idempotency-Key has 1 to 255 printable ASCII characters, in quotes or without blanks"
        )
    said = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    key = Idempotency(match[1] or match[2], hashlib.sha256(said).hexdigest())
    return msgspec.structs.replace(context, idempotency=key)


def page_request(
    request: HttpRequest,
    limit: int,
    cursor: str | None,
    sort: str | None,
    **filters: str | int | None,
) -> PageRequest:
    """Return which part of a list is asked for; a parameter that means nothing here is an error."""
    require_known_params(request, "limit", "cursor", "sort", *filters)
    given = {name: value for name, value in filters.items() if value is not None}
    for name in set(request.query_params) & (set(filters) - set(given)):
        # The framework reads `null` where a number may be left out, and the filter would be lost.
        if str(request.query_params[name]).lower() == "null":
            raise InvalidFields("null is no value to look for", errors=[(f"?{name}", "leave it out for any")])
    return PageRequest(limit, cursor, sort, given)


def require_known_params(request: HttpRequest, *names: str) -> None:
    """Raise InvalidFields for query parameters other than these, and for empty ones: nobody means those."""
    empty = [name for name, value in request.query_params.items() if value == ""]
    if empty:
        raise InvalidFields(
            "some query parameters are empty",
            errors=[(f"?{name}", "give it a value, or leave it out") for name in empty],
        )
    names_given = [name for name, _ in request.query_params.multi_items()]
    doubled = sorted({name for name in names_given if names_given.count(name) > 1})
    if doubled:
        raise InvalidFields(
            "some query parameters come twice", errors=[(f"?{name}", "say it once") for name in doubled]
        )
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        choices = ", ".join(names) or "none"
        raise InvalidFields(
            "some query parameters mean nothing here",
            errors=[(f"?{name}", f"one of: {choices}") for name in unknown],
        )


def header_value(request: HttpRequest, name: bytes) -> bytes | None:
    """Return what a header says; of one that came in several lines, the last."""
    scope: Mapping[str, Any] = request.scope
    value: bytes | None = scope[SCOPE_HEADERS].get(name)
    return value


async def require_scope(request: HttpRequest) -> None:
    """Let in who has the scope that an operation `needs`, before its body is looked at; None needs only a credential.

    For `before_request`: a guard of the framework does the same, but costs a copy of the handler each time.
    """
    scope: Mapping[str, Any] = request.scope
    context: RequestContext | None = scope.get(SCOPE_CONTEXT)
    if context is None:
        return
    scope_needed = request.route_handler.opt["scope"]
    if scope_needed is not None and scope_needed not in context.principal.scopes:
        raise Forbidden(
            f"this needs the scope {scope_needed}, which {context.principal.actor} does not have",
            required_scope=scope_needed,
        )
