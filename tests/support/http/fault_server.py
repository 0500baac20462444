"""A local HTTP(S) server with content and faults (`support.http.faults`) of a test."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import ssl
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import urlsplit

from support.closed_ports import closed_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MODIFIED = "Mon, 01 Jan 2024 00:00:00 GMT"
BLOCK = 1 << 16
_HEADERS_OF_304 = frozenset({"Cache-Control", "Age"})


class Body(Protocol):
    """Content that can be served in part; `identity` changes with the content."""

    size: int
    identity: str

    def blocks(self, start: int, stop: int) -> Iterator[bytes]: ...


class Bytes:
    """Content held in memory."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.identity = hashlib.sha256(content).hexdigest()[:16]

    def blocks(self, start: int, stop: int) -> Iterator[bytes]:
        view = memoryview(self.content)[start:stop]
        return (bytes(view[offset : offset + BLOCK]) for offset in range(0, len(view), BLOCK))


class Huge:
    """Content of any size, generated on demand; all blocks differ, and repeat the same for each request."""

    def __init__(self, size: int, seed: str = "huge") -> None:
        self.size = size
        self.identity = f"{seed}-{size}"
        self._noise = hashlib.shake_256(seed.encode()).digest(BLOCK - 8)

    def blocks(self, start: int, stop: int) -> Iterator[bytes]:
        for number in range(start // BLOCK, -(-stop // BLOCK)):
            offset = number * BLOCK
            block = number.to_bytes(8, "big") + self._noise
            yield block[max(start - offset, 0) : min(stop - offset, BLOCK)]

    def hexdigest(self, algorithm: str = "sha256") -> str:
        hasher = hashlib.new(algorithm)
        for block in self.blocks(0, self.size):
            hasher.update(block)
        return hasher.hexdigest()


class File:
    """Content of a file on disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        status = os.stat(path)
        self.size = status.st_size
        self.identity = f"{status.st_mtime_ns:x}-{status.st_size:x}"

    def blocks(self, start: int, stop: int) -> Iterator[bytes]:
        with open(self.path, "rb") as file:
            file.seek(start)
            while start < stop and (block := file.read(min(4 * BLOCK, stop - start))):
                start += len(block)
                yield block


@dataclass(frozen=True)
class Request:
    """A request of a client; `path` includes the query, header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Page:
    """The content and options of a path."""

    body: Body
    headers: Mapping[str, str]
    status: int = 200
    etag: str | None = ""
    modified: str | None = MODIFIED
    auth: str | None = None
    faults: list[Callable[[Exchange], bool]] = field(default_factory=list)

    @property
    def tag(self) -> str | None:
        return f'"{self.body.identity}"' if self.etag == "" else self.etag

    def validators(self) -> dict[str, str]:
        pairs = {"ETag": self.tag, "Last-Modified": self.modified}
        return {name: value for name, value in pairs.items() if value}


class Server:
    """Serves pages on 127.0.0.1 from threads of this process; with an authority, over TLS."""

    def __init__(self, authority: Authority | None = None) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[Request] = []
        self.tunnels: list[str] = []
        self.tunnel_to: tuple[str, int] | None = None
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._listener = _Listener(self, authority.server_context() if authority else None)
        self.port: int = self._listener.server_address[1]
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{self.port}"
        self._closed_port: socket.socket | None = None
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._closed_port is not None:
            self._closed_port.close()

    def close(self) -> None:
        """Stop serving and wait for the threads; connections are dropped, and refused until the end of `with`."""
        if self._closed_port is not None:
            return
        self.closing.set()
        self._listener.shutdown()
        self._listener.drop_connections()
        self._listener.server_close()
        self._closed_port = closed_port(self.port)
        self._thread.join()

    def add(
        self,
        path: str,
        body: bytes | str | Body = b"",
        headers: Mapping[str, str] | None = None,
        fault: Fault | Sequence[Fault] = (),
        **options: object,
    ) -> str:
        """Serve a body under a path and return its URL.

        `fault` is one of `support.http.faults`, or several, tried in order. Options: `status`; `etag` ("" for one
        derived from the content, None for none); `modified` (None for none); `auth` ("user:password", required from
        the client).
        """
        content = body.encode() if isinstance(body, str) else body
        faults = [fault] if callable(fault) else list(fault)
        self.pages[path] = Page(
            Bytes(content) if isinstance(content, bytes) else content, headers or {}, faults=faults, **options
        )
        return self.url + path

    def add_json(self, path: str, document: object, **options: object) -> str:
        """Serve a JSON document."""
        return self.add(path, json.dumps(document), {"Content-Type": "application/json"}, **options)

    def change(self, path: str, body: bytes | str | Body) -> None:
        """Change the content of a path and keep its options."""
        content = body.encode() if isinstance(body, str) else body
        self.pages[path].body = Bytes(content) if isinstance(content, bytes) else content

    def page(self, path: str) -> Page | None:
        """Return the page of a request target; the query counts only if a page was added with one."""
        return self.pages.get(path) or self.pages.get(path.partition("?")[0])

    @property
    def paths(self) -> list[str]:
        """Return the requested paths in order."""
        return [request.path for request in self.requests]

    def requests_for(self, path: str) -> list[Request]:
        """Return the requests for a path."""
        return [request for request in self.requests if request.path == path]


class Authority:
    """A certificate authority for tests; `pem` is its file, for `ca_bundle` or SSL_CERT_FILE."""

    def __init__(self, directory: str | os.PathLike[str], *names: str) -> None:
        import trustme

        self._authority = trustme.CA()
        self._leaf = self._authority.issue_cert(*(names or ("localhost", "127.0.0.1")))
        self.pem = os.path.join(directory, "authority.pem")
        self._authority.cert_pem.write_to_path(self.pem)

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._leaf.configure_cert(context)
        return context


class Exchange:
    """A request, its page, and methods to respond."""

    def __init__(self, handler: _Handler, server: Server, request: Request, page: Page) -> None:
        self.handler = handler
        self.server = server
        self.request = request
        self.page = page

    def respond(self) -> None:
        """Respond as a correct server does: credentials, conditions, ranges."""
        page, headers = self.page, self.request.headers
        if page.auth and headers.get("authorization") != _basic(page.auth):
            self.send(401, {"WWW-Authenticate": 'Basic realm="test"'}, Bytes(b"who are you?"))
        elif page.status == 200 and self._is_unchanged():
            headers_of_304 = {name: value for name, value in page.headers.items() if name in _HEADERS_OF_304}
            self.head(304, {**page.validators(), **headers_of_304})
        elif page.status == 200 and "range" in headers and self._can_resume():
            self._answer_part(*self._range())
        else:
            self.send(page.status, {**page.validators(), "Accept-Ranges": "bytes", **page.headers}, page.body)

    def _is_unchanged(self) -> bool:
        headers, page = self.request.headers, self.page
        if "if-none-match" in headers:
            return page.tag is not None and page.tag in headers["if-none-match"]
        since = headers.get("if-modified-since")
        return bool(since and page.modified and _parse_time(page.modified) <= _parse_time(since))

    def _can_resume(self) -> bool:
        condition = self.request.headers.get("if-range")
        return condition is None or condition in {self.page.tag, self.page.modified}

    def _range(self) -> tuple[int, int]:
        first, _, last = self.request.headers["range"].removeprefix("bytes=").partition("-")
        size = self.page.body.size
        if not first:
            return max(size - int(last), 0), size
        return int(first), min(int(last) + 1, size) if last else size

    def _answer_part(self, start: int, stop: int) -> None:
        size = self.page.body.size
        if start >= size:
            return self.send(416, {"Content-Range": f"bytes */{size}"}, Bytes(b""))
        headers = {**self.page.validators(), "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        return self.send(206, {**headers, **self.page.headers}, self.page.body, start, stop)

    def send(
        self, status: int, headers: Mapping[str, str], body: Body, start: int = 0, stop: int | None = None
    ) -> None:
        """Send a complete response with its length."""
        end = body.size if stop is None else stop
        self.head(status, {**headers, "Content-Length": str(end - start)})
        if self.request.method != "HEAD":
            for block in body.blocks(start, end):
                self.write(block)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send a status line and headers; a later header of the same name replaces an earlier one."""
        merged = {name.lower(): (name, value) for name, value in headers.items()}
        self.handler.send_response(status)
        for name, value in merged.values():
            self.handler.send_header(name, value)
        self.handler.end_headers()

    def write(self, block: bytes) -> None:
        """Send bytes of the body."""
        self.handler.wfile.write(block)

    def wait(self, seconds: float) -> None:
        """Wait, at most until the server is closed."""
        if self.server.closing.wait(seconds):
            raise ConnectionAbortedError

    def hang_up(self, reset: bool = False) -> None:
        """Close the connection, with FIN or with RST."""
        if reset:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # SO_LINGER with no time: close sends RST
            self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise ConnectionAbortedError


if TYPE_CHECKING:
    Fault = Callable[[Exchange], bool]  # acts and returns True, or returns False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener
    wbufsize = 0

    def setup(self) -> None:
        self.request.settimeout(60)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        owner = self.server.owner
        target = self.path
        if not target.startswith("/"):  # absolute form, as clients send it to a proxy
            parts = urlsplit(target)
            owner.tunnels.append(parts.netloc)
            target = parts._replace(scheme="", netloc="").geturl() or "/"
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, target, headers)
        with owner.lock:
            owner.requests.append(request)
        page = owner.page(target) or Page(Bytes(b"not found"), {}, 404, None, None)
        exchange = Exchange(self, owner, request, page)
        if not any(fault(exchange) for fault in page.faults):
            exchange.respond()

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def do_CONNECT(self) -> None:
        """Act as a proxy: connect to the address that the test configured, whatever host the client requested."""
        self.server.owner.tunnels.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection(self.server.owner.tunnel_to or (host, int(port)), 10) as upstream:
            self.send_response(200, "Connection established")
            self.end_headers()
            back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
            back.start()
            _pump(self.connection, upstream)
            back.join()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Write no log."""


class _Listener(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    request_queue_size = 64
    daemon_threads = False

    def __init__(self, owner: Server, context: ssl.SSLContext | None) -> None:
        self.owner = owner
        self.context = context
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = self.socket.accept()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket) -> None:
        self.connections.discard(request)
        try:
            if not request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER):
                request.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        request.close()

    def drop_connections(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore closed connections, which many tests cause."""


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while block := source.recv(BLOCK):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


def _parse_time(text: str) -> float:
    return parsedate_to_datetime(text).timestamp()
