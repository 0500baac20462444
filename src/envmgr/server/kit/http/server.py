"""HTTP server: uvicorn (https://uvicorn.dev) with limits on headers, connections and time.

Request heads have a maximum size and a deadline; connections are limited in number, and a new one evicts the one that
has been idle longest. Bodies are limited by `kit.http.middleware`.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httptools
import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from envmgr.kit.errors import EnvmgrError
from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.common.problems import BadRequest, Problem, RequestTimeout, ServiceUnavailable
from envmgr.server.kit.http import headers
from envmgr.server.kit.http.buffered_transport import BufferedTransport
from envmgr.server.kit.http.errors import PROBLEM_JSON

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from envmgr.server.kit.http.asgi import Application

MAX_URL_BYTES = 8 * 1024
MAX_HEAD_BYTES = 16 * 1024
"""Maximum size of a request head."""
MAX_DISCARDED_BYTES = 9 * 2**20
"""Input discarded after a final response: somewhat more than the largest allowed body, since most clients send all
of it before they read the response."""
HEAD_TIMEOUT_SECONDS = 10.0
GRACEFUL_SHUTDOWN_SECONDS = 5
"""Seconds that in-flight requests have at shutdown."""
SHUTDOWN_NOTICE_SECONDS = 1.0
"""Seconds in which a server with replicas still serves after it has announced its shutdown: part of those above."""
BACKLOG = 2048
"""Connections waiting to be accepted."""
RESERVED_FILE_DESCRIPTORS = 200
"""File descriptors kept for databases and logs."""


class AddressError(EnvmgrError):
    """The server cannot listen on the address."""


class UrlTooLong(Problem):
    """The URL exceeds the limit."""

    slug, title, status = "url-too-long", "URI too long", 414


class HeadersTooLarge(Problem):
    """The request head exceeds the limit."""

    slug, title, status = "headers-too-large", "Request header fields too large", 431


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Connection limits."""

    keep_alive: int = 75
    connections: int = 1000
    head_timeout_seconds: float = HEAD_TIMEOUT_SECONDS


class _ShutdownNotice:
    """State of a shutdown, shared by all connections of a server."""

    is_announced = False


def bind(host: str, port: int) -> socket.socket:
    """Bind a listening socket; raise AddressError."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = addresses[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            "pass another --host or --port",
        ) from error
    listener.setblocking(False)
    return listener


class LimitedProtocol(HttpToolsProtocol):
    """HTTP/1.1 protocol of one connection, with limits."""

    def __init__(self, limits: ConnectionLimits, notice: _ShutdownNotice, **options: Any) -> None:
        super().__init__(**options)
        self.limits = limits
        self._notice = notice
        self.idle_since = self.loop.time()
        self._head_open = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._url_bytes = 0
        self._rejection: Problem | None = None
        self._discarded_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's signature
        """Start the connection and the deadline of the first request head."""
        buffered = BufferedTransport(transport, self.loop, lambda: self._is_peer_sending)
        super().connection_made(cast("asyncio.Transport", buffered))
        if len(self.connections) > self.limits.connections and not self._evict_idle():
            self._reject(ServiceUnavailable("connection limit reached"))
            return
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after the connection."""
        self._cancel_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received data."""
        if self.transport.is_closing():
            self._discard(data)
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Protocol upgrades are not supported: ignore what follows the head, and close after the response.
            self.cycle.more_body = self.cycle.keep_alive = False
            self.cycle.message_event.set()
            return
        except httptools.HttpParserError:
            self._reject(self._rejection or BadRequest("malformed HTTP request"))
            return
        if self._head_open or self.is_idle:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES + MAX_URL_BYTES:
                self._reject(_too_long() if self._url_bytes > MAX_URL_BYTES else _too_large())
            else:
                self._start_head_timer()

    def on_message_begin(self) -> None:
        """Start a request."""
        self._head_open = True
        self._head_bytes = self._url_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Append to the URL, within its limit; refuse a fragment (RFC 9112, section 3.2)."""
        self._url_bytes += len(url)
        if self._url_bytes > MAX_URL_BYTES:
            self._abort_parsing(_too_long())
        if b"#" in url:
            self._abort_parsing(BadRequest("URL has a fragment: encode `#` as %23"))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header, within the limit; drop a trailer (RFC 9110, section 6.5.1)."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._abort_parsing(_too_large())
        # A trailer arrives after authentication: it must not pass for a header.
        if self._head_open:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Dispatch the request."""
        self._head_open = False
        self._head_bytes = 0
        self._cancel_head_timer()
        super().on_headers_complete()
        if self._notice.is_announced:
            # The client gets a complete response, and sends its next request elsewhere.
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Start the deadline of the next request head."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    @property
    def _is_peer_sending(self) -> bool:
        cycle = self._current_cycle()
        return self._head_open or self._rejection is not None or (cycle is not None and cycle.more_body)

    def _discard(self, data: bytes) -> None:
        """Discard input after a final response, up to a limit."""
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self.transport.pause_reading()

    @property
    def is_idle(self) -> bool:
        """Return whether no request is in flight."""
        cycle = self._current_cycle()
        return cycle is None or cycle.response_complete

    def announce_shutdown(self) -> None:
        """Close the connection after the response in progress."""
        if not self.is_idle:
            self.cycle.keep_alive = False

    def evict(self) -> None:
        """Close this idle connection to free its slot."""
        self.connections.discard(self)
        self.transport.close()

    def _current_cycle(self) -> RequestResponseCycle | None:
        return self.cycle  # No request has arrived yet, although the declared type excludes None

    def _evict_idle(self) -> bool:
        idle = [
            other
            for other in self.connections
            if other is not self and isinstance(other, LimitedProtocol) and other.is_idle
        ]
        if idle:
            min(idle, key=lambda other: other.idle_since).evict()
        return bool(idle)

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limits.head_timeout_seconds, self._on_head_timeout)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_head_timeout(self) -> None:
        self._head_timer = None
        if self._head_open and self.is_idle:
            self._reject(
                RequestTimeout(
                    f"timed out after {self.limits.head_timeout_seconds:g} s waiting for request headers"
                )
            )
        elif self.is_idle:
            self.transport.close()

    def _abort_parsing(self, problem: Problem) -> None:
        self._rejection = problem
        raise ValueError(problem.title)

    def _reject(self, problem: Problem) -> None:
        """Send a problem for an invalid request, and close."""
        if self.transport.is_closing():
            return
        self._rejection = problem
        if self.is_idle:
            self.transport.write(_encode_problem_response(problem))
        self._cancel_head_timer()
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn server that leaves signals to its caller and stops on `should_exit`."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None],
        on_stopping: Callable[[], None],
        notice: _ShutdownNotice,
        notice_seconds: float,
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._notice = notice
        self._notice_seconds = notice_seconds

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override] # any context manager serves
        """Install no signal handlers, as uvicorn's end the process by the signal, not with status 0."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting connections."""
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Announce the shutdown while requests are still served, then stop accepting connections and drain."""
        self._on_stopping()
        self._notice.is_announced = True
        for connection in self.server_state.connections:
            if isinstance(connection, LimitedProtocol):
                connection.announce_shutdown()
        await asyncio.sleep(self._notice_seconds)
        await super().shutdown(sockets)


def create_server(
    application: Application,
    limits: ConnectionLimits,
    on_started: Callable[[], None],
    on_stopping: Callable[[], None],
    notice_seconds: float = 0.0,
) -> Server:
    """Create a server; run it with `await .serve(sockets=[listener])`.

    A server whose clients have other replicas to turn to serves them for `notice_seconds` after `on_stopping`.
    """
    notice = _ShutdownNotice()
    config = uvicorn.Config(
        application,
        http=cast("type[asyncio.Protocol]", partial(LimitedProtocol, limits, notice)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS - int(notice_seconds),
    )
    return Server(config, on_started, on_stopping, notice, notice_seconds)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of the fastest event loop installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _too_long() -> UrlTooLong:
    return UrlTooLong(f"URL exceeds {MAX_URL_BYTES // 1024} KiB")


def _too_large() -> HeadersTooLarge:
    return HeadersTooLarge(f"request headers exceed {MAX_HEAD_BYTES // 1024} KiB")


def _encode_problem_response(problem: Problem) -> bytes:
    body = msgspec.json.encode(problem.document(""))
    fields = {
        **problem.headers,
        "content-type": PROBLEM_JSON,
        "content-length": str(len(body)),
        "connection": "close",
        "x-request-id": uuid7(),
    }
    lines = b"".join(b"%s: %s\r\n" % pair for pair in headers.DEFAULT_HEADERS)
    lines += "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
    return STATUS_LINE[problem.status] + lines + b"\r\n" + body


def raise_file_limit(connections: int) -> int:
    """Raise the open-file limit to fit the connections, as far as the system allows; return how many fit.

    Connections beyond that would leave no file descriptors for databases. At least half of the limit is for them.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    required = connections + RESERVED_FILE_DESCRIPTORS
    if 0 <= soft < required:
        soft = min(required, hard) if hard > 0 else required
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(connections, max(soft - RESERVED_FILE_DESCRIPTORS, soft // 2)) if soft >= 0 else connections
