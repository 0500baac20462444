"""Request header checks and default response headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import (
    BadRequest,
    NotFound,
    TooLarge,
    Unauthenticated,
    UnsupportedMedia,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Headers = dict[bytes, bytes]

API_VERSION = b"1"
"""API version sent with every response; clients use it to check compatibility."""

DEFAULT_HEADERS = (
    (b"alm-api", API_VERSION),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_DEFAULT_HEADER_NAMES = frozenset(name for name, _ in DEFAULT_HEADERS)
_SINGLETON_HEADERS = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"if-match",
        b"transfer-encoding",
    }
)
"""Headers that must not repeat: a proxy and the server could use different values."""
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_JSON = frozenset({b"application/json"})
_IDENTITY_CODINGS = frozenset({b"", b"identity"})
_UTF8 = re.compile(rb'(charset="?utf-?8"?)?;?')
_LENGTH = re.compile(rb"\d{1,15}")


def with_defaults(pairs: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[bytes, bytes]]:
    """Return response headers completed with the defaults."""
    for name, _ in pairs:
        if name in _DEFAULT_HEADER_NAMES:
            present = {name for name, _ in pairs}
            return [*pairs, *[header for header in DEFAULT_HEADERS if header[0] not in present]]
    return [*pairs, *DEFAULT_HEADERS]


def require_singletons(pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise BadRequest if a single-valued header is repeated."""
    seen: set[bytes] = set()
    for name, _ in pairs:
        if name in seen and name in _SINGLETON_HEADERS:
            raise BadRequest(f"duplicate {name.decode()} header")
        seen.add(name)


def require_printable_path(path: str) -> None:
    """Raise NotFound if a path has characters that no resource name allows."""
    if not (path.isascii() and path.isprintable()) or " " in path:
        raise NotFound("not found")


def check_head(method: str, http_version: str, headers: Headers, *, limit: int, accepts_form: bool) -> None:
    """Check a request's headers; raise BadRequest, TooLarge, UnsupportedMedia."""
    if b"host" not in headers and http_version == "1.1":  # RFC 9112, section 3.2
        raise BadRequest("missing Host header")
    if b"content-length" in headers:
        _check_content_length(headers[b"content-length"], limit)
    if b"content-encoding" in headers:
        _require_identity(headers[b"content-encoding"])
    if method in _METHODS_WITH_BODY:
        _require_content_type(method, headers, accepts_form=accepts_form)


def _require_identity(coding: bytes) -> None:
    """Raise UnsupportedMedia if the body is encoded: the server decodes no content coding."""
    if coding.strip().lower() not in _IDENTITY_CODINGS:
        raise UnsupportedMedia(
            "unsupported Content-Encoding: send the body unencoded", headers={"accept-encoding": "identity"}
        )


def _check_content_length(length: bytes, limit: int) -> None:
    """Raise TooLarge if Content-Length exceeds the limit, BadRequest if it is not a number."""
    if not _LENGTH.fullmatch(length):
        raise BadRequest("invalid Content-Length")
    if int(length) > limit:
        raise too_large(limit)


def _require_content_type(method: str, headers: Headers, *, accepts_form: bool) -> None:
    """Raise UnsupportedMedia if the content type is not accepted."""
    content_type = headers.get(b"content-type", b"")
    if content_type == b"application/json" or not has_body(headers):
        return
    media, _, parameters = content_type.lower().partition(b";")
    if media.strip() in _accepted_types(method, accepts_form=accepts_form) and _UTF8.fullmatch(
        parameters.strip()
    ):
        return
    raise UnsupportedMedia(
        "expected Content-Type: application/json; charset=utf-8", headers={"accept": "application/json"}
    )


def _accepted_types(method: str, *, accepts_form: bool) -> frozenset[bytes]:
    if accepts_form:
        return _JSON | {b"application/x-www-form-urlencoded"}
    return _JSON | {b"application/merge-patch+json"} if method == "PATCH" else _JSON


def has_body(headers: Headers) -> bool:
    """Return whether the headers announce a body."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def too_large(limit: int) -> TooLarge:
    """Return the problem for a body that exceeds the limit."""
    return TooLarge(f"request body exceeds {limit // 2**20} MiB", headers={"connection": "close"})


def bearer_token(headers: Headers) -> str:
    """Return the bearer token of a request; raise Unauthenticated."""
    header = headers.get(b"authorization")
    if header is None:
        raise Unauthenticated(
            "missing Authorization header: send `Bearer <token>` from POST /auth/login, or an API key (see /docs)"
        )
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token.isascii():
        raise Unauthenticated(
            "invalid Authorization header: expected a bearer token", error="invalid_request"
        )
    return token.strip().decode()
