"""HTTP client: requests, redirects, retries, mirrors, credentials and limits.

Requests are sent by transports, imported at the first of them: by the standard library, and by httpx what goes through
a proxy, or has a URL that must be encoded.
"""

from __future__ import annotations

import contextlib
from _thread import allocate_lock  # importing threading costs start-up time
from types import MappingProxyType
from urllib.parse import urljoin

from envmgr import __version__
from envmgr.kit.errors import HttpError, InsecureUrl, NetworkError, Offline
from envmgr.kit.frozen import frozen, replace
from envmgr.kit.http import network_errors, status_errors, urls
from envmgr.kit.http.netrc import Netrc
from envmgr.kit.http.proxies import proxy_for
from envmgr.kit.http.retry import SYSTEM, Clock, RetryPolicy
from envmgr.kit.http.streams import Stream, open_file_url, read_limited
from envmgr.kit.progress import NullProgress

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from envmgr.kit.config.settings import Settings
    from envmgr.kit.environment import Environment
    from envmgr.kit.http.transport import Transport, TransportResponse
    from envmgr.kit.progress import Progress

LIMIT = 200 * 2**20
REDIRECTS = 10
MIN_PROGRESS_BYTES = 1024
"""Bytes a body must deliver in each timeout; with fewer it counts as stalled."""

STREAM_IDLE_TIMEOUT_SECONDS = 60.0
"""Idle timeout of endless streams: senders send heartbeats."""

MIN_INTERACTIVE_TIMEOUT_SECONDS = 10.0
"""Minimum read timeout for interactive requests, unless the configured timeout is shorter."""

_BLOCK = 1 << 18
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_RETRY_STATUSES = frozenset({429, 502, 503, 504})
_OK, _NOT_MODIFIED, _UNSATISFIABLE, _NOT_FOUND = 200, 304, 416, 404
_REDIRECT_HINT = "open the URL in a browser: the server is misconfigured, or requires sign-in"
_NO_PROGRESS = NullProgress()
_BASE_HEADERS = {"user-agent": f"envmgr/{__version__}", "accept": "*/*"}
_FORWARDABLE_HEADERS = frozenset(
    {"accept", "accept-encoding", "user-agent", "range", "if-range", "if-none-match", "if-modified-since"}
)


@frozen
class Response:
    """A complete response; header names are in lower case, `url` is the final URL.

    `is_authorized`: its request, or one that was redirected to it, had credentials.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    is_authorized: bool = False


@frozen
class HttpRequest:
    """A request to a server; its headers and body are sent to that URL only."""

    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None
    interactive: bool = False
    """Whether a user waits for the response, which shortens the read timeout."""


class Http:
    """HTTP client configured by the user's settings; thread-safe."""

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        progress: Progress = _NO_PROGRESS,
        extra_ca: str | None = None,
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._progress = progress
        self._authorities = (extra_ca,) if extra_ca else ()
        self._retired: list[Transport] = []
        self._clock = clock
        self._netrc = Netrc(settings, environment, progress.message)
        self._transports: dict[tuple[object, ...], Transport] = {}
        self._lock = allocate_lock()

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.close()

    @staticmethod
    def preload() -> None:
        """Import what sends requests to an API, while the caller waits for something else."""
        from envmgr.kit.http import standard_transport  # noqa: F401 - it is imported for later

    def close(self) -> None:
        """Close all connections."""
        self._replace_pool()
        while self._retired:
            self._retired.pop().close()

    def trust(self, authorities: str) -> None:
        """Trust an additional PEM file of certificate authorities on new connections."""
        with self._lock:
            if authorities not in self._authorities:
                self._authorities = (*self._authorities, authorities)
                self._replace_pool()

    def _replace_pool(self) -> None:
        """Replace the connection pool; responses in progress continue."""
        while self._transports:
            self._retired.append(self._transports.popitem()[1])

    def retry_policy(self, max_retries: int | None = None) -> RetryPolicy:
        """Return the retry policy of one request: the setting's retries, at most `max_retries`."""
        retries = self._settings.http_retries
        return RetryPolicy(
            retries if max_retries is None else min(retries, max_retries), self._clock, self._progress.message
        )

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, limit: int = LIMIT) -> Response:
        """Send a GET request, with retries; raise NetworkError unless the status is 2xx or 304."""
        retry_policy = self.retry_policy()
        while True:
            try:
                return self._get(url, _lower_names(headers), limit)
            except NetworkError as error:
                retry_policy.wait_or_raise(error)

    def get_without_retries(
        self, url: str, headers: Mapping[str, str] | None = None, *, limit: int = LIMIT
    ) -> Response:
        """Send a GET request like `get`, in one attempt with the timeout of interactive requests."""
        return self._get(url, _lower_names(headers), limit, interactive_timeout(self._settings.http_timeout))

    def peer(self, url: str) -> str:
        """Return the host that a URL is requested from: its mirror's, or its own."""
        return urls.host(urls.apply_mirror(url, self._settings.mirrors))

    def _get(
        self, url: str, headers: Mapping[str, str], limit: int, timeout: float | None = None
    ) -> Response:
        headers = {"accept-encoding": "gzip", **headers}
        with self._open(url, headers, timeout, decoded=True) as stream:
            if stream.status == _UNSATISFIABLE:
                raise self._status_error(stream.url, stream.status, stream.headers, headers)
            body = read_limited(stream, limit)
            return Response(stream.status, stream.url, stream.headers, body, stream.is_authorized)

    @contextlib.contextmanager
    def stream(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        """Open a response (2xx, 304 or 416) in one attempt; raise NetworkError for other statuses."""
        with self._open(
            url, {**_lower_names(headers), "accept-encoding": "identity"}, decoded=False
        ) as stream:
            yield stream

    @contextlib.contextmanager
    def _open(
        self, url: str, headers: Mapping[str, str], timeout: float | None = None, *, decoded: bool
    ) -> Iterator[Stream]:
        """Open a response or a file, following redirects."""
        address, allowed_headers = self._resolve_mirror(url, {**_BASE_HEADERS, **headers})
        visited, is_authorized = [address], False
        while urls.split(address).scheme != "file":
            allowed_headers = self._with_credentials(address, allowed_headers)
            is_authorized = is_authorized or "authorization" in allowed_headers
            attempt = self._attempt(address, timeout or self._settings.http_timeout)
            response = self._send(HttpRequest("GET", attempt.url, allowed_headers), attempt)
            with contextlib.closing(response):
                target = self._redirect_target(response, visited)
                if target is None:
                    yield self._answer(
                        response, attempt, allowed_headers, decoded=decoded, is_authorized=is_authorized
                    )
                    return
                self._drain(response, attempt)
            address, allowed_headers = self._resolve_mirror(
                target,
                allowed_headers
                if urls.has_same_authority(address, target)
                else _forwardable(allowed_headers),
            )
            visited.append(address)
        with open_file_url(address) as stream:
            yield stream

    def send(
        self,
        request: HttpRequest,
        *,
        repeatable: bool,
        retries: int | None = None,
        limit: int = LIMIT,
    ) -> Response:
        """Send a request to exactly this URL and return the response, whatever its status.

        `repeatable` requests (idempotent) are retried while that may help; the last response is returned. Raise
        NetworkError without a response, or for a redirect.
        """
        retry_policy = self.retry_policy(retries)
        while True:
            try:
                with self.open(request) as stream:
                    response = Response(
                        stream.status, stream.url, stream.headers, read_limited(stream, limit)
                    )
            except NetworkError as error:
                if not repeatable:
                    raise
                retry_policy.wait_or_raise(error)
                continue
            if not (repeatable and self._honor_retry_after(retry_policy, response)):
                return response

    def _honor_retry_after(self, retry_policy: RetryPolicy, response: Response) -> bool:
        """Wait as the response's Retry-After demands; return whether to retry."""
        if response.status not in _RETRY_STATUSES:
            return False
        try:
            retry_policy.wait_or_raise(
                self._status_error(response.url, response.status, response.headers, {})
            )
        except NetworkError:
            return False
        return True

    @contextlib.contextmanager
    def open(self, request: HttpRequest, *, endless: bool = False) -> Iterator[Stream]:
        """Open a response in one attempt, whatever its status; an `endless` stream may be slow.

        Mirrors and stored credentials are not used: the request is for this URL only.
        """
        address = self._require_allowed(urls.without_credentials(request.url))
        headers = {**_BASE_HEADERS, "accept-encoding": "gzip", **_lower_names(request.headers)}
        timeout = self._settings.http_timeout
        seconds = (
            max(timeout, STREAM_IDLE_TIMEOUT_SECONDS)
            if endless
            else interactive_timeout(timeout)
            if request.interactive
            else timeout
        )
        attempt = self._attempt(address, seconds)
        message = replace(request, url=address, headers=headers)
        response = self._send(message, attempt)
        with contextlib.closing(response):
            location = response.headers.get("location", "")
            if response.status in _REDIRECTING and location:
                raise _redirect_refused_error(address, urljoin(address, location))
            yield Stream(
                response.status,
                address,
                response.headers,
                lambda: (
                    response.blocks(decoded=True)
                    if endless
                    else self._guard_stall(response.blocks(decoded=True), attempt)
                ),
            )

    def _resolve_mirror(self, url: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """Return the mirrored URL and the headers that may be sent to it; raise NetworkError if not allowed."""
        address = urls.apply_mirror(url, self._settings.mirrors)
        if urls.split(address).scheme == "file":
            return address, headers
        self._require_allowed(address)
        return address, headers if urls.has_same_authority(url, address) else _forwardable(headers)

    def _require_allowed(self, address: str) -> str:
        """Return the URL; raise NetworkError if requests to it are not allowed."""
        if self._settings.offline:
            raise Offline(
                f"offline: cannot fetch {urls.redact(address)}",
                "run once without --offline (or set `offline` to false)",
            )
        scheme = urls.split(address).scheme
        if scheme == "file":
            raise NetworkError(f"expected a server URL, got a file: {address}")
        if scheme == "http" and not (self._settings.allow_http or urls.is_loopback(address)):
            raise InsecureUrl(
                f"insecure URL (plain http): {urls.redact(address)}",
                "use https, or allow it with `envmgr config set allow_http true`",
            )
        return address

    def _redirect_target(self, response: TransportResponse, visited: list[str]) -> str | None:
        """Return the redirect target, or None; raise NetworkError for a loop or a downgrade."""
        location = response.headers.get("location", "")
        if response.status not in _REDIRECTING or not location:
            return None
        target = urljoin(visited[-1], location)
        mirrored = urls.apply_mirror(target, self._settings.mirrors)
        if mirrored in visited:
            raise NetworkError(f"redirect loop: {_trail([*visited, mirrored])}", _REDIRECT_HINT)
        if len(visited) > REDIRECTS:
            raise NetworkError(f"more than {REDIRECTS} redirects: {_trail(visited)}", _REDIRECT_HINT)
        if mirrored == target and self._is_downgrade(visited[-1], target):
            raise InsecureUrl(
                f"insecure redirect from {urls.redact(visited[-1])} to {urls.redact(target)}",
                "use an https source or mirror",
            )
        return target

    def _is_downgrade(self, url: str, target: str) -> bool:
        """Return whether a redirect leaves https for plain http (unless allowed or local) or a file."""
        scheme = urls.split(target).scheme
        is_local = urls.is_loopback(url) and urls.is_loopback(target)
        return scheme == "file" or (scheme == "http" and not (self._settings.allow_http or is_local))

    def _attempt(self, address: str, seconds: float) -> network_errors.RequestAttempt:
        url = urls.without_credentials(address)
        return network_errors.RequestAttempt(url, seconds, proxy_for(url, self._environment))

    def _send(self, request: HttpRequest, attempt: network_errors.RequestAttempt) -> TransportResponse:
        transport = self._direct_transport() if _can_send_directly(attempt) else self._pool(attempt)
        started = self._clock.monotonic()
        response = transport.send(request, attempt)
        seconds = self._clock.monotonic() - started
        self._progress.debug(_response_line(request.method, attempt, response.status, seconds))
        return response

    def _with_credentials(self, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return headers with credentials: the caller's, else the URL's, else netrc's."""
        login = (
            None if "authorization" in headers else urls.credentials(url) or self._netrc.credentials_for(url)
        )
        if login is None:
            return headers
        from base64 import b64encode

        return {**headers, "authorization": f"Basic {b64encode(':'.join(login).encode()).decode()}"}

    def _direct_transport(self) -> Transport:
        """Return the transport of the standard library."""
        from envmgr.kit.http.standard_transport import StandardTransport

        return self._transport(("standard",), lambda: StandardTransport(self._tls_context))

    def _pool(self, attempt: network_errors.RequestAttempt) -> Transport:
        """Return the transport of requests through a proxy, and of URLs that need encoding."""
        from envmgr.kit.http.httpx_transport import HttpxTransport

        is_encrypted = urls.is_https(attempt.url) or urls.is_https(attempt.proxy)
        return self._transport(
            ("httpx", attempt.proxy, is_encrypted),
            lambda: HttpxTransport(attempt.proxy, self._tls_context() if is_encrypted else None),
        )

    def _transport(self, key: tuple[object, ...], create: Callable[[], Transport]) -> Transport:
        with self._lock:
            if key not in self._transports:
                self._transports[key] = create()
            return self._transports[key]

    def _tls_context(self) -> ssl.SSLContext:
        """Return a context with all trusted authorities, which take 36 ms of processor time to load."""
        from envmgr.kit.http import tls

        trusting = tls.context(self._environment, self._settings.ca_bundle)
        for authorities in self._authorities:
            tls.add_trusted_ca(trusting, authorities, self._environment)
        return trusting

    def _answer(
        self,
        response: TransportResponse,
        attempt: network_errors.RequestAttempt,
        request_headers: Mapping[str, str],
        *,
        decoded: bool,
        is_authorized: bool,
    ) -> Stream:
        status = response.status
        if not (_OK <= status < _OK + 100 or status in {_NOT_MODIFIED, _UNSATISFIABLE}):
            raise self._status_error(attempt.url, status, response.headers, request_headers)
        return Stream(
            status,
            attempt.url,
            response.headers,
            lambda: self._guard_stall(response.blocks(decoded=decoded), attempt),
            is_authorized=is_authorized,
        )

    def _status_error(
        self, url: str, status: int, headers: Mapping[str, str], request_headers: Mapping[str, str]
    ) -> HttpError:
        authorized = "authorization" in request_headers
        return status_errors.error_for_status(
            url, status, headers, now=self._clock.now(), authorized=authorized
        )

    def _drain(self, response: TransportResponse, attempt: network_errors.RequestAttempt) -> None:
        """Read the rest of a short response, so that its connection can be reused."""
        length = response.headers.get("content-length", "")
        if length.isdigit() and int(length) <= _BLOCK:
            with contextlib.suppress(NetworkError):  # the content is discarded
                for _ in self._guard_stall(response.blocks(decoded=False), attempt):
                    pass

    def _guard_stall(
        self, blocks: Iterator[bytes], attempt: network_errors.RequestAttempt
    ) -> Iterator[bytes]:
        """Yield blocks; raise a stall error when a timeout passes with hardly any bytes."""
        clock, waited, received = self._clock.monotonic, 0.0, 0
        while True:
            started = clock()
            block = next(blocks, None)
            if block is None:
                return
            waited, received = waited + clock() - started, received + len(block)
            if waited > attempt.timeout:
                if received < MIN_PROGRESS_BYTES:
                    raise network_errors.stall_error(attempt)
                waited, received = 0.0, 0
            yield block


def _can_send_directly(attempt: network_errors.RequestAttempt) -> bool:
    if attempt.proxy is not None:
        return False
    from envmgr.kit.http import standard_transport

    return standard_transport.can_send(attempt.url)


def interactive_timeout(timeout: float) -> float:
    """Return the idle timeout of interactive requests, from the configured one."""
    return min(timeout, max(MIN_INTERACTIVE_TIMEOUT_SECONDS, timeout / 3))


def _redirect_refused_error(address: str, target: str) -> NetworkError:
    return NetworkError(
        f"refusing to follow the redirect from {urls.redact(address)} to {urls.redact(target)} for this request",
        f"use {urls.redact(target)} directly if it is the right server",
    )


def _response_line(method: str, attempt: network_errors.RequestAttempt, status: int, seconds: float) -> str:
    via = f" by {attempt.peer}" if attempt.proxy else ""
    return f"{method} {urls.redact(attempt.url)}{via}: {status} after {seconds * 1000:.0f} ms"


def _lower_names(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def _forwardable(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that are safe to send to another host."""
    return {name: value for name, value in headers.items() if name in _FORWARDABLE_HEADERS}


def _trail(visited: list[str]) -> str:
    return " → ".join(urls.redact(url) for url in visited)
