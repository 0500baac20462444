"""Request helpers: context, idempotency key, pagination and scope checks."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, cast

import msgspec
from litestar import Request

from envmgr.server.kit.common.context import Idempotency, RequestContext
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import BadRequest, Forbidden, InvalidFields
from envmgr.server.kit.http.asgi import SCOPE_CONTEXT, SCOPE_HEADERS, SCOPE_REAUTHENTICATE
from envmgr.server.kit.http.canonical_input import require_canonical_integers, require_canonical_path
from envmgr.server.kit.security.redaction import has_credential, redact

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from litestar.datastructures import MultiDict

HttpRequest = Request[Any, Any, Any]

_IDEMPOTENCY_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')

_NAMING_METHODS = frozenset({"POST", "PUT", "PATCH"})

_ETAG = re.compile(r'(?:^|,)[ \t]*"([^"]*)"[ \t]*(?=,|$)')


def request_context(request: HttpRequest) -> RequestContext:
    """Return the caller's context with its If-Match condition."""
    scope: Mapping[str, Any] = request.scope
    context: RequestContext = scope[SCOPE_CONTEXT]
    header = header_value(request, b"if-match")
    if header is None or header == b"*":
        return context
    # Anything else, a weak tag included, never matches an ETag of this server.
    return msgspec.structs.replace(context, if_match=frozenset(_ETAG.findall(header.decode("latin-1"))))


async def idempotent_context(request: HttpRequest) -> RequestContext:
    """Return the caller's context with its Idempotency-Key."""
    context = request_context(request)
    header = header_value(request, b"idempotency-key")
    if header is None:
        return context
    match = _IDEMPOTENCY_KEY.fullmatch(header.decode("latin-1"))
    if match is None:
        raise BadRequest(
            "invalid Idempotency-Key: 1 to 255 printable ASCII characters, quoted or without spaces"
        )
    if redact(header.decode("latin-1")) != header.decode("latin-1"):
        raise BadRequest("Idempotency-Key contains a credential: use a random value")
    target = f"{request.method} {request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
    content = f"{target}\n".encode() + await request.body()
    key = Idempotency(match[1] or match[2], hashlib.sha256(content).hexdigest(), redact(target)[:200])
    return msgspec.structs.replace(context, idempotency=key)


def page_request(
    request: HttpRequest,
    limit: int,
    cursor: str | None,
    sort: str | None,
    **filters: str | int | None,
) -> PageRequest:
    """Return the requested page of a list; raise InvalidFields for unknown parameters."""
    params = request.query_params
    _require_known(params, ("limit", "cursor", "sort", *filters))
    values = {name: value for name, value in filters.items() if value is not None}
    for name in set(params) & (set(filters) - set(values)):
        # The framework reads `null` as omitted where a number is optional; the filter would be lost.
        if str(params[name]).lower() == "null":
            raise InvalidFields("filters cannot be null", errors=[(f"?{name}", "omit the parameter")])
    return PageRequest(limit, cursor, sort, values)


def require_known_params(request: HttpRequest, *names: str) -> None:
    """Raise InvalidFields for unknown, empty or duplicate query parameters."""
    _require_known(request.query_params, names)


def _require_known(params: MultiDict[Any], names: Sequence[str]) -> None:
    empty = [name for name, value in params.items() if value == ""]
    if empty:
        raise InvalidFields(
            "empty query parameters",
            errors=[(f"?{name}", "set a value or omit it") for name in empty],
        )
    names_sent = [name for name, _ in params.multi_items()]
    doubled = sorted({name for name in names_sent if names_sent.count(name) > 1})
    if doubled:
        raise InvalidFields(
            "duplicate query parameters", errors=[(f"?{name}", "send it once") for name in doubled]
        )
    unknown = [name for name in params if name not in names]
    if unknown:
        choices = ", ".join(names) or "none"
        raise InvalidFields(
            "unknown query parameters",
            errors=[(f"?{name}", f"one of: {choices}") for name in unknown],
        )


def header_value(request: HttpRequest, name: bytes) -> bytes | None:
    """Return a header's value; the last one if repeated."""
    scope: Mapping[str, Any] = request.scope
    value: bytes | None = scope[SCOPE_HEADERS].get(name)
    return value


async def check_request(request: HttpRequest) -> None:
    """Check a request before its handler runs: scope, then its path and the form of its numbers.

    Used as `before_request`, so it runs before the body is read: a guard of the framework would copy the handler each
    time.
    """
    require_scope(request)
    _require_no_credential(request)
    require_canonical_path(request)
    require_canonical_integers(request)


def _require_no_credential(request: HttpRequest) -> None:
    """Raise BadRequest for a write to a path with a credential, which names the new resource."""
    if request.method in _NAMING_METHODS and has_credential(request.scope["path"].encode()):
        raise BadRequest(
            "the path contains an API key or a token, which the audit log would keep: remove it, and revoke it"
        )


async def reauthorize(request: HttpRequest) -> None:
    """Authenticate again after the body arrived; raise Unauthenticated, Forbidden.

    A body may take minutes: what the caller was allowed at its beginning may have been revoked since.
    """
    scope = cast("MutableMapping[str, Any]", request.scope)
    context: RequestContext | None = scope.get(SCOPE_CONTEXT)
    if context is None:
        return
    principal = await scope[SCOPE_REAUTHENTICATE]()
    if principal is not context.principal and principal != context.principal:
        scope[SCOPE_CONTEXT] = msgspec.structs.replace(context, principal=principal)
        require_scope(request)


def require_scope(request: HttpRequest) -> None:
    """Raise Forbidden unless the caller has the operation's `scope`; None needs only a credential."""
    scope: Mapping[str, Any] = request.scope
    context: RequestContext | None = scope.get(SCOPE_CONTEXT)
    if context is None:
        return
    scope_needed = scope["route_handler"].opt["scope"]
    if scope_needed is not None and scope_needed not in context.principal.scopes:
        raise Forbidden(
            f"missing scope {scope_needed} (authenticated as {context.principal.actor})",
            required_scope=scope_needed,
        )
