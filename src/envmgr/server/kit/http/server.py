"""HTTP on a socket: uvicorn (https://uvicorn.dev), and on top of it what a server that strangers can reach must limit.

The head of a request has a size and a time in which it must have arrived; connections are so many, and when one
more comes, the one that has been idle longest makes room for it. Bodies are limited by `kit.door`.
"""

from __future__ import annotations

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
    import asyncio
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from envmgr.server.kit.http.asgi import Application

MAX_URL_BYTES = 8 * 1024
MAX_HEAD_BYTES = 16 * 1024
"""Bytes of a request before its body."""
MAX_DISCARDED_BYTES = headers.MAX_LOCK_BODY_BYTES + 2 * 2**20
"""Bytes that are let in, unread, after a last answer: as much as the largest body that is taken has, and some. Most
clients send all of it before they read what was answered."""
HEAD_TIMEOUT_SECONDS = 10.0
GRACEFUL_SHUTDOWN_SECONDS = 5
"""Seconds that running requests are given when the server stops."""
BACKLOG = 2048
"""Connections that wait to be accepted."""
RESERVED_FILE_DESCRIPTORS = 200
"""Open files beside connections: databases, logs."""


class AddressError(EnvmgrError):
    """The server cannot listen there; the message says why, and the way out."""


class UrlTooLong(Problem):
    """The URL is longer than any that means something."""

    slug, title, status = "url-too-long", "URL too long", 414


class HeadersTooLarge(Problem):
    """The head of a request is larger than any that means something."""

    slug, title, status = "headers-too-large", "Request header fields too large", 431


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What connections may take."""

    keep_alive: int = 75
    connections: int = 1000
    head_timeout_seconds: float = HEAD_TIMEOUT_SECONDS


def bind(host: str, port: int) -> socket.socket:
    """Take an address. Raise AddressError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            "choose another address with --host and --port",
        ) from error
    listener.setblocking(False)
    return listener


class LimitedProtocol(HttpToolsProtocol):
    """One connection, within limits."""

    def __init__(self, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(**options)
        self.limits = limits
        self.idle_since = self.loop.time()
        self._head_open = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._url_bytes = 0
        self._rejection: Problem | None = None
        self._discarded_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin; the first request's head has its time from now on."""
        corked = BufferedTransport(transport, self.loop, lambda: self._peer_still_sending)
        super().connection_made(cast("asyncio.Transport", corked))
        if len(self.connections) > self.limits.connections and not self._evict_idle():
            self._reject(ServiceUnavailable("too many connections at the moment"))
            return
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._cancel_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self.transport.is_closing():
            self._discard(data)
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing here speaks another protocol: what follows the head is not read, and the answer is the last.
            self.cycle.more_body = self.cycle.keep_alive = False
            self.cycle.message_event.set()
            return
        except httptools.HttpParserError:
            self._reject(self._rejection or BadRequest("this is no HTTP request"))
            return
        if self._head_open or self.is_idle:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES + MAX_URL_BYTES:
                self._reject(_too_long() if self._url_bytes > MAX_URL_BYTES else _too_large())
            else:
                self._start_head_timer()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._head_open = True
        self._head_bytes = self._url_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Read some of the URL."""
        self._url_bytes += len(url)
        if self._url_bytes > MAX_URL_BYTES:
            self._abort_parsing(_too_long())
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._abort_parsing(_too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on."""
        self._head_open = False
        self._head_bytes = 0
        self._cancel_head_timer()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    @property
    def _peer_still_sending(self) -> bool:
        cycle = self._current_cycle()
        return self._head_open or self._rejection is not None or (cycle is not None and cycle.more_body)

    def _discard(self, data: bytes) -> None:
        """Let in what comes after the last answer; not for ever."""
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self.transport.pause_reading()

    @property
    def is_idle(self) -> bool:
        """Say whether no request is being answered."""
        cycle = self._current_cycle()
        return cycle is None or cycle.response_complete

    def evict(self) -> None:
        """End, because another one needs the place."""
        self.connections.discard(self)
        self.transport.close()

    def _current_cycle(self) -> RequestResponseCycle | None:
        return self.cycle  # None before the first request, whatever its type says

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
                RequestTimeout(f"no whole head of a request came for {self.limits.head_timeout_seconds:g} s")
            )
        elif self.is_idle:
            self.transport.close()

    def _abort_parsing(self, problem: Problem) -> None:
        self._rejection = problem
        raise ValueError(problem.title)

    def _reject(self, problem: Problem) -> None:
        """Answer what never becomes a request, and end."""
        if self.transport.is_closing():
            return
        self._rejection = problem
        if self.is_idle:
            self.transport.write(_encode_problem_response(problem))
        self._cancel_head_timer()
        self.transport.close()


class Server(uvicorn.Server):
    """Serves until `should_exit` is set; signals are the business of whoever runs it."""

    def __init__(
        self, config: uvicorn.Config, on_started: Callable[[], None], on_stopping: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override] # any context serves
        """Leave signals alone: uvicorn would end the process by the signal, not by 0."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, and finish; answers that would go on for ever are told first."""
        self._on_stopping()
        await super().shutdown(sockets)


def create_server(
    application: Application,
    limits: ConnectionLimits,
    on_started: Callable[[], None],
    on_stopping: Callable[[], None],
) -> Server:
    """Make a server; `await .serve(sockets=[listener])` runs it."""
    config = uvicorn.Config(
        application,
        http=cast("type[asyncio.Protocol]", partial(LimitedProtocol, limits)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
    )
    return Server(config, on_started, on_stopping)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop there is here."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _too_long() -> UrlTooLong:
    return UrlTooLong(f"a URL may have {MAX_URL_BYTES // 1024} KiB here")


def _too_large() -> HeadersTooLarge:
    return HeadersTooLarge(
        f"the header fields of a request may have {MAX_HEAD_BYTES // 1024} KiB together here"
    )


def _encode_problem_response(problem: Problem) -> bytes:
    body = msgspec.json.encode(problem.document(""))
    own = {
        **problem.headers,
        "content-type": PROBLEM_JSON,
        "content-length": str(len(body)),
        "connection": "close",
        "x-request-id": uuid7(),
    }
    lines = b"".join(b"%s: %s\r\n" % pair for pair in headers.DEFAULT_HEADERS)
    lines += "".join(f"{name}: {value}\r\n" for name, value in own.items()).encode()
    return STATUS_LINE[problem.status] + lines + b"\r\n" + body


def raise_file_limit(connections: int) -> None:
    """Let the process have as many open files as its connections need, as far as the system lets it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED_FILE_DESCRIPTORS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))
