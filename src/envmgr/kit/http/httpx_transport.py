"""Transport of httpx: requests through a proxy, and those whose URL must be encoded.

httpx is used at its transport level: redirects, credentials, proxies and cookies follow the rules of
`kit.http.client`, and nothing else reads the environment.
"""

from __future__ import annotations

import contextlib
import ssl
import sys
from typing import TYPE_CHECKING

from envmgr.kit.http import network_errors, urls

# httpx imports its command line, and that rich and pygments: 60 ms of every run.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None: importing it raises ImportError

import httpx  # noqa: E402 - after the line above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envmgr.kit.http.client import HttpRequest
    from envmgr.kit.http.network_errors import RequestAttempt

MAX_IDLE_CONNECTIONS = 20


class HttpxTransport:
    """A connection pool of httpx, for all requests through one proxy, or through none."""

    def __init__(self, proxy: str | None, trusting: ssl.SSLContext | None) -> None:
        is_proxy_encrypted = urls.is_https(proxy)
        self._transport = httpx.HTTPTransport(
            verify=trusting or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=MAX_IDLE_CONNECTIONS),
            proxy=httpx.Proxy(proxy, ssl_context=trusting if is_proxy_encrypted else None) if proxy else None,
        )

    def send(self, request: HttpRequest, attempt: RequestAttempt) -> _Response:
        """Return the response of any status; raise NetworkError without one."""
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), attempt.timeout)
        with _translating(attempt):
            sent = httpx.Request(
                request.method,
                request.url,
                headers=dict(request.headers),
                content=request.body,
                extensions={"timeout": timeouts},
            )
            response = self._transport.handle_request(sent)
            response.request = sent
        return _Response(response, attempt)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()


class _Response:
    """A response of httpx."""

    def __init__(self, response: httpx.Response, attempt: RequestAttempt) -> None:
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._attempt = attempt

    def blocks(self, *, decoded: bool) -> Iterator[bytes]:
        """Yield the body, as sent or decoded."""
        blocks: Callable[[], Iterator[bytes]] = (
            self._response.iter_bytes if decoded else self._response.iter_raw
        )
        with _translating(self._attempt):
            yield from blocks()

    def close(self) -> None:
        """Release the connection."""
        self._response.close()


@contextlib.contextmanager
def _translating(attempt: RequestAttempt) -> Iterator[None]:
    try:
        yield
    except (
        httpx.HTTPError,
        httpx.InvalidURL,
        httpx.StreamError,
        httpx.CookieConflict,
        UnicodeError,
    ) as error:
        raise network_errors.to_network_error(error, attempt) from error
