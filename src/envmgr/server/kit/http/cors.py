"""Cross-origin resource sharing (https://fetch.spec.whatwg.org): off unless origins are configured.

Cookies and other browser credentials are never accepted: a page sends its own token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Pairs = list[tuple[bytes, bytes]]

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_ALLOWED_HEADERS = (
    b"authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, traceparent, "
    b"x-request-id"
)
_EXPOSED_HEADERS = (
    b"alm-api, etag, idempotent-replayed, link, location, retry-after, www-authenticate, x-request-id"
)


class CorsPolicy:
    """Allowed origins; `*` allows any."""

    def __init__(self, allowed_origins: Iterable[str] = ()) -> None:
        self._allowed_origins = frozenset(origin.encode() for origin in allowed_origins)

    def headers(self, origin: bytes | None) -> Pairs:
        """Return the CORS headers of a response."""
        if not self._allowed_origins:
            return []
        vary = [(b"vary", b"Origin")]
        if not self._is_allowed_origin(origin):
            return vary
        return [
            *vary,
            (b"access-control-allow-origin", origin or b""),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
        ]

    def preflight(self, origin: bytes | None, method: bytes | None) -> Pairs | None:
        """Return the headers of a preflight response; None if this is not an allowed preflight."""
        if method is None or not self._is_allowed_origin(origin):
            return None
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        ]

    def _is_allowed_origin(self, origin: bytes | None) -> bool:
        return origin is not None and (origin in self._allowed_origins or b"*" in self._allowed_origins)
