"""Transport of the standard library.

It is imported in a third of the time that httpx takes. It connects directly, and sends URLs as
they are; httpx sends requests through a proxy, and encodes URLs.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys
import time
from _thread import allocate_lock  # importing threading costs start-up time
from string import ascii_letters, digits, hexdigits
from urllib.parse import urlsplit

from envmgr.kit.http import network_errors
from envmgr.kit.http.standard_client import (
    HTTPS_PORT,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from io import BufferedReader
    from typing import BinaryIO
    from urllib.parse import SplitResult

    from envmgr.kit.errors import NetworkError
    from envmgr.kit.http.client import HttpRequest
    from envmgr.kit.http.network_errors import RequestAttempt

BLOCK_BYTES = 1 << 16
"""Bytes that are decoded at once: gzip expands them to a thousand times as many at most."""

MAX_IDLE_SECONDS = 5.0
"""Seconds after which an idle connection is not used again: routers forget such ones without closing them."""

MAX_HEAD_BYTES = 1 << 16
"""Bytes of the headers of a response, beyond which it is refused."""

_URL_CHARACTERS = frozenset(ascii_letters + digits + "-._~:/?#[]@!$&'()*+,;=%")
_GZIP = frozenset({"gzip", "x-gzip"})
_INFORMATIONAL = range(100, 200)
_SWITCHING_PROTOCOLS = 101
_MAX_LENGTH_DIGITS = 20
_BLANKS = (b" ", b"\t")
_NAME_BYTES = frozenset((ascii_letters + digits + "!#$%&'*+-.^_`|~").encode())
_HEX_DIGITS = frozenset(hexdigits.encode())
_LINE_END = b"\r\n"
_MAX_CHUNK_LINE_BYTES = 1 << 12
_CONTROL_BYTES = frozenset(b"\0\r\v\f")


def can_send(url: str) -> bool:
    """Return whether a URL is in the form in which it is sent; httpx encodes others."""
    return _URL_CHARACTERS.issuperset(url)


class StandardTransport:
    """Connections of the standard library, of which idle ones are used again."""

    def __init__(self, create_tls_context: Callable[[], ssl.SSLContext]) -> None:
        self._create_tls_context = create_tls_context
        self._tls_context: ssl.SSLContext | None = None
        self._idle: dict[tuple[str, str], list[_Connection]] = {}
        self._is_closed = False
        self._lock = allocate_lock()

    def send(self, request: HttpRequest, attempt: RequestAttempt) -> _Response:
        """Return the response of any status; raise NetworkError without one."""
        parts, headers = urlsplit(request.url), _encode_headers(request.headers, attempt)
        connection = self._take_idle(parts) or self._connect(parts, attempt)
        try:
            with _translating(attempt):
                response = connection.exchange(request, _target(parts), headers, attempt.timeout)
        except BaseException:
            connection.close()
            raise
        return _Response(response, attempt, lambda: self._release(parts, connection), connection.close)

    def _take_idle(self, parts: SplitResult) -> _Connection | None:
        """Return a reusable connection to the server of a URL, and close others."""
        with self._lock:
            idle = self._idle.get((parts.scheme, parts.netloc), [])
            while idle:
                connection = idle.pop()
                if connection.is_reusable():
                    return connection
                connection.close()
        return None

    def _release(self, parts: SplitResult, connection: _Connection) -> None:
        """Add a connection to the idle ones, unless it or the transport is closed."""
        if connection.sock is None:
            return
        connection.released_at = time.monotonic()
        with self._lock:
            if self._is_closed:
                connection.close()
            else:
                self._idle.setdefault((parts.scheme, parts.netloc), []).append(connection)

    def _connect(self, parts: SplitResult, attempt: RequestAttempt) -> _Connection:
        trusting = self._trusting() if parts.scheme == "https" else None
        connection = _Connection(parts, attempt.timeout, trusting)
        try:
            connection.connect()
        except TimeoutError as error:
            connection.close()
            raise network_errors.connect_timeout_error(attempt) from error
        except OSError as error:
            connection.close()
            raise network_errors.unreachable_error(error, attempt) from error
        return connection

    def _trusting(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls_context is None:
                self._tls_context = self._create_tls_context()
                self._tls_context.set_alpn_protocols(["http/1.1"])
            return self._tls_context

    def close(self) -> None:
        """Close all idle connections, and each other one at the end of its response."""
        with self._lock:
            self._is_closed = True
            while self._idle:
                for connection in self._idle.popitem()[1]:
                    connection.close()


def _target(parts: SplitResult) -> str:
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def _encode_headers(headers: Mapping[str, str], attempt: RequestAttempt) -> dict[str, bytes]:
    """Return headers as they are sent; raise NetworkError, which quotes no value, for one that cannot be."""
    for name, value in headers.items():
        is_name = bool(name) and _NAME_BYTES.issuperset(name.encode())
        if not (is_name and value.isascii() and value.isprintable() and value == value.strip()):
            raise network_errors.unsendable_header_error(attempt)
    return {name: value.encode() for name, value in headers.items()}


class _Connection(HTTPConnection):
    """A connection to the server of a URL, encrypted if `trusting` certificates."""

    auto_open = 0  # a connection that is lost is not opened again within a request

    def __init__(self, parts: SplitResult, timeout: float, trusting: ssl.SSLContext | None) -> None:
        if trusting is not None:
            self.default_port = HTTPS_PORT
        super().__init__(parts.hostname or "", parts.port or self.default_port, timeout=timeout)
        self.response_class = _FinalResponse
        self.released_at = 0.0
        self._trusting = trusting

    def connect(self) -> None:
        """Connect, and encrypt the connection."""
        # As bytes, since Python would import its codec for names in other scripts for a text.
        address = (self.host.encode(), self.port)
        self.sock = socket.create_connection(address, self.timeout)  # type: ignore[arg-type] # getaddrinfo takes bytes
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._trusting is not None:
            self.sock = self._trusting.wrap_socket(self.sock, server_hostname=self.host)

    def is_reusable(self) -> bool:
        """Return whether the connection was used lately, and the server neither closed it nor sent anything."""
        if time.monotonic() - self.released_at > MAX_IDLE_SECONDS:
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            return not selector.select(0)

    def send(self, data: bytes) -> None:  # type: ignore[override] # nothing else is sent
        """Send bytes, with a timeout for each block of them; `sendall` has one for all."""
        view = memoryview(data)
        while view:
            view = view[self.sock.send(view) :]

    def exchange(
        self, request: HttpRequest, target: str, headers: Mapping[str, bytes], timeout: float
    ) -> HTTPResponse:
        """Send a request and return its response, with the timeout of each operation in seconds."""
        self.sock.settimeout(timeout)
        with contextlib.suppress(ConnectionError):  # a server may refuse a body before it has read all of it
            self.request(request.method, target, request.body, headers)
        _acknowledge_at_once(self.sock)
        return self.getresponse()


def _acknowledge_at_once(sock: socket.socket) -> None:
    """Acknowledge the next bytes without a delay, as far as the system supports it.

    A server that sends headers and body apart, without TCP_NODELAY, waits for that: 40 ms for each request but the
    first of a connection.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # of a connection that is closed, which reading reports
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class _FinalResponse(HTTPResponse):
    """A response that is not informational; such ones may precede it."""

    def begin(self) -> None:
        """Read the status and the headers; raise HTTPException if they are incomplete or ambiguous."""
        self._begin()
        while self.status in _INFORMATIONAL and self.status != _SWITCHING_PROTOCOLS:
            self.headers = self.msg = None  # type: ignore[assignment] # as before the first status
            self._begin()
        self._set_framing()

    def _begin(self) -> None:
        stream = self.fp
        self.fp = _HeadReader(stream)  # type: ignore[assignment] # it has all that reading the headers needs
        try:
            super().begin()
        finally:
            if self.fp is not None:  # it is None after an invalid status
                self.fp = stream

    def _set_framing(self) -> None:
        """Set where the body ends; the standard library reads only one of several headers."""
        _check_transfer_encoding(self.headers.get_all("transfer-encoding", []))
        length = _content_length(self.headers.get_all("content-length", []))
        if length is not None:  # as a single header, for those who compare it
            del self.headers["content-length"]
            self.headers["content-length"] = str(length)
        if self.length == 0:  # by the status or the method, whatever the headers are
            self.chunked = False
        elif not self.chunked:
            self.length = length


class _HeadReader:
    """Reader of a status line and of headers, which it validates and unfolds."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines = _read_head(stream)

    def readline(self, limit: int) -> bytes:
        """Return the next line, or all headers as a line."""
        line = next(self._lines, b"")
        if len(line) > limit:
            raise HTTPException("headers are too long")
        return line

    def close(self) -> None:
        """Close the stream: the standard library does so after an invalid status."""
        self._stream.close()


def _read_head(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a status line, its headers in one piece, and an empty line.

    The standard library refuses more than 100 pieces.
    """
    while status := stream.readline(MAX_HEAD_BYTES):
        yield status
        headers = _unfold(_read_header_lines(stream))
        if not all(map(_is_header, headers)):
            raise HTTPException("illegal header line")
        if headers:
            yield b"".join(b"%b\r\n" % header for header in headers)
        yield b"\r\n"


def _read_header_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines before an empty one; raise RemoteDisconnected at the end of the stream."""
    count = 0
    while line := stream.readline(MAX_HEAD_BYTES):
        count += len(line)
        if count >= MAX_HEAD_BYTES:
            raise HTTPException("headers are too long")
        if line in {b"\r\n", b"\n"}:
            return
        yield line.removesuffix(b"\n").removesuffix(b"\r")
    raise RemoteDisconnected("connection closed within the headers")


def _unfold(lines: Iterable[bytes]) -> list[bytes]:
    """Return headers without trailing blanks, each in one line (RFC 9112, 5.2)."""
    headers: list[bytes] = []
    for line in lines:
        if not line.startswith(_BLANKS):
            headers.append(line.rstrip(b" \t"))
        elif headers:
            headers[-1] = b"%b %b" % (headers[-1], line.strip(b" \t"))
        else:
            raise HTTPException("illegal header line")
    return [header.rstrip(b" \t") for header in headers]


def _is_header(line: bytes) -> bool:
    name, colon, value = line.partition(b":")
    return bool(name and colon) and _NAME_BYTES.issuperset(name) and _CONTROL_BYTES.isdisjoint(value)


def _check_transfer_encoding(encodings: list[str]) -> None:
    """Raise HTTPException for an encoding other than `chunked`."""
    if encodings and [encoding.lower() for encoding in encodings] != ["chunked"]:
        raise HTTPException(f"unsupported transfer encoding {', '.join(encodings)}")


def _content_length(values: list[str]) -> int | None:
    """Return the length of a body, which headers may repeat (RFC 9112, 6.3).

    Raise HTTPException for an invalid one.
    """
    lengths = {length.strip() for value in values for length in value.split(",")}
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()) or len(length) > _MAX_LENGTH_DIGITS:
        raise HTTPException(f"bad content length {', '.join(values)}")
    return int(length)


def _read_body(response: HTTPResponse) -> Iterator[bytes]:
    """Yield a body that is not in chunks; raise IncompleteRead if it is shorter than its length."""
    expected, count = response.length, 0
    while block := response.read1(BLOCK_BYTES):
        count += len(block)
        yield block
    if expected is not None and count < expected:
        raise IncompleteRead(b"")


def _read_chunks(stream: BufferedReader) -> Iterator[bytes]:
    """Yield a body in chunks (RFC 9112, 7.1); raise HTTPException if it is invalid or incomplete.

    The standard library takes negative sizes, and anything for the end of a chunk.
    """
    while size := _read_chunk_size(stream):
        while size:
            block = stream.read1(min(size, BLOCK_BYTES))
            if not block:
                raise IncompleteRead(b"")
            size -= len(block)
            yield block
        _read_chunk_end(stream)
    _skip_trailers(stream)


def _read_chunk_size(stream: BufferedReader) -> int:
    line = stream.readline(_MAX_CHUNK_LINE_BYTES)
    if len(line) < _MAX_CHUNK_LINE_BYTES and not line.endswith(b"\n"):
        raise IncompleteRead(b"")
    size = line.partition(b";")[0].rstrip()
    if not (0 < len(size) <= _MAX_LENGTH_DIGITS and _HEX_DIGITS.issuperset(size) and line.endswith(b"\n")):
        raise HTTPException("illegal chunk size")
    return int(size, 16)


def _read_chunk_end(stream: BufferedReader) -> None:
    end = stream.read(len(_LINE_END))
    if end != _LINE_END:
        raise HTTPException("illegal chunk end") if len(end) == len(_LINE_END) else IncompleteRead(b"")


def _skip_trailers(stream: BufferedReader) -> None:
    try:
        for _ in _read_header_lines(stream):
            pass
    except RemoteDisconnected as error:
        raise IncompleteRead(b"") from error


class _Response:
    """A response, whose connection is released after the end of its body."""

    def __init__(
        self,
        response: HTTPResponse,
        attempt: RequestAttempt,
        release: Callable[[], None],
        disconnect: Callable[[], None],
    ) -> None:
        self.status = response.status
        self.headers = _join_headers(response.getheaders())
        self._response = response
        self._attempt = attempt
        self._release = release
        self._disconnect = disconnect
        self._is_complete = False

    def blocks(self, *, decoded: bool) -> Iterator[bytes]:
        """Yield the body as it arrives, as sent or decoded."""
        is_gzip = decoded and self.headers.get("content-encoding", "").lower() in _GZIP
        blocks = self._raw_blocks()
        return _decode_gzip(blocks, self._attempt) if is_gzip else blocks

    def _raw_blocks(self) -> Iterator[bytes]:
        response = self._response
        with _translating(self._attempt):
            yield from _read_chunks(response.fp) if response.chunked else _read_body(response)
        self._is_complete = True

    def close(self) -> None:
        """Release the connection, or close it if the body was not read to its end."""
        self._response.close()
        if self._is_complete:
            self._release()
        else:
            self._disconnect()


def _join_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in lower case, several of a name as one with commas."""
    headers: dict[str, str] = {}
    for name, text in pairs:
        value = _decode_header(text)
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _decode_header(text: str) -> str:
    """Return the value of a header, which the standard library decodes as Latin-1, as UTF-8 if it is."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _decode_gzip(blocks: Iterator[bytes], attempt: RequestAttempt) -> Iterator[bytes]:
    import zlib

    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for block in blocks:
            yield decoder.decompress(block)
        yield decoder.flush()
    except zlib.error as error:
        raise network_errors.decoding_error(error, attempt) from error


@contextlib.contextmanager
def _translating(attempt: RequestAttempt) -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _to_network_error(error, attempt) from error


def _to_network_error(error: Exception, attempt: RequestAttempt) -> NetworkError:
    if isinstance(error, TimeoutError):
        return network_errors.stall_error(attempt)
    if isinstance(error, RemoteDisconnected):
        return network_errors.no_response_error(attempt)
    if isinstance(error, IncompleteRead):
        return network_errors.incomplete_error(attempt)
    if isinstance(error, HTTPException):
        return network_errors.invalid_response_error(error, attempt)
    return network_errors.connection_lost_error(error, attempt)
