"""What the headers of a request may say, and what those of every answer do."""

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
"""The version of the API, on every answer: clients say by it whether they and the server go together."""

MAX_BODY_BYTES = 2**20
MAX_LOCK_BODY_BYTES = 7 * 2**20
"""A lock of 5 MiB, as the JSON string that it travels in."""

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
"""Where two of these disagree, one part of a system believes the first, and another the second."""
_FORM_PATHS = frozenset({"/auth/token"})
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_JSON = frozenset({b"application/json"})
_UTF8 = re.compile(rb'(charset="?utf-?8"?)?;?')
_PATH = re.compile(r"[!-~]*")
_LENGTH = re.compile(rb"\d{1,15}")


def with_defaults(pairs: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[bytes, bytes]]:
    """Return an answer's own headers and those that every answer has, where it does not say otherwise."""
    own = {name for name, _ in pairs}
    if own.isdisjoint(_DEFAULT_HEADER_NAMES):
        return [*pairs, *DEFAULT_HEADERS]
    return [*pairs, *[header for header in DEFAULT_HEADERS if header[0] not in own]]


def require_singletons(pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise Malformed where a header came twice that has one value."""
    seen: set[bytes] = set()
    for name, _ in pairs:
        if name in seen and name in _SINGLETON_HEADERS:
            raise BadRequest(f"send one {name.decode()} header, not several")
        seen.add(name)


def require_printable_path(path: str) -> None:
    """Raise NotFound for a path with characters that nothing here is named with."""
    if not _PATH.fullmatch(path):
        raise NotFound("there is nothing here")


def body_limit_for(path: str) -> int:
    """Return how many bytes a body may have."""
    return MAX_LOCK_BODY_BYTES if "/versions" in path else MAX_BODY_BYTES


def check_content_length(headers: Headers, limit: int) -> None:
    """Raise TooLarge for a body that says of itself that it is."""
    length = headers.get(b"content-length")
    if length is None:
        return
    if not _LENGTH.fullmatch(length):
        raise BadRequest("the Content-Length is no length")
    if int(length) > limit:
        raise too_large(limit)


def require_content_type(method: str, path: str, headers: Headers) -> None:
    """Raise UnsupportedMedia for a body in a format that is not read here."""
    given = headers.get(b"content-type", b"")
    if given == b"application/json" or method not in _METHODS_WITH_BODY or not has_body(headers):
        return
    media, _, parameters = given.lower().partition(b";")
    if media.strip() in _accepted_types(method, path) and _UTF8.fullmatch(parameters.strip()):
        return
    raise UnsupportedMedia("send application/json, in UTF-8", headers={"accept": "application/json"})


def _accepted_types(method: str, path: str) -> frozenset[bytes]:
    if path in _FORM_PATHS:
        return _JSON | {b"application/x-www-form-urlencoded"}
    return _JSON | {b"application/merge-patch+json"} if method == "PATCH" else _JSON


def has_body(headers: Headers) -> bool:
    """Say whether a body comes with these headers."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def too_large(limit: int) -> TooLarge:
    """Say how large a body may be."""
    return TooLarge(f"a body may have {limit // 2**20} MiB here", headers={"connection": "close"})


def bearer_token(headers: Headers) -> str:
    """Return the token that a request brings. Raise Unauthenticated."""
    header = headers.get(b"authorization")
    if header is None:
        raise Unauthenticated(
            "send Authorization: Bearer with a token of POST /auth/login, or an API key; /docs describes the API"
        )
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token.isascii():
        raise Unauthenticated("the Authorization header holds no bearer token", error="invalid_request")
    return token.strip().decode()
