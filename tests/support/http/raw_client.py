"""HTTP/1.1 over a socket, for requests that HTTP clients do not send, and for many simple ones."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

HOST = "127.0.0.1"


class ConnectionClosed(Exception):
    """The server closed the connection, or refused it."""


@dataclass(frozen=True)
class Reply:
    """A response, unprocessed."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """Return the header of this name, which must occur once at most."""
        matches = [value for key, value in self.headers if key == name.lower()]
        assert len(matches) <= 1, (name, matches)
        return matches[0] if matches else None

    @property
    def json(self) -> object:
        """Return the body as a JSON document."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """Return the beginning of the body, for messages."""
        return self.body[:400].decode(errors="replace")


class Wire:
    """A connection to a server; opened at once, closed at the end of `with`."""

    def __init__(self, port: int, *, token: str = "", timeout: float = 15) -> None:
        self.port = port
        self.token = token
        self.timeout = timeout
        self._unread = b""
        self._is_over = False
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        try:
            connection = socket.create_connection((HOST, self.port), self.timeout)
        except OSError as error:
            raise ConnectionClosed(str(error)) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self.socket.close()

    def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a valid request (`body`: raw bytes, anything else as JSON) and return the response.

        Connects again after the last response of a connection.
        """
        if self._is_over:
            self.close()
            self.socket, self._unread, self._is_over = self._connect(), b"", False
        default_headers = {"Host": HOST, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        content = b""
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            default_headers |= {"Content-Type": "application/json"}
        if content or method in {"POST", "PUT", "PATCH"}:
            default_headers["Content-Length"] = str(len(content))
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {**default_headers, **(headers or {})}.items()]
        self.send("\r\n".join([*lines, "", ""]).encode() + content)
        return self.reply(bodiless=method == "HEAD")

    def send(self, content: bytes) -> None:
        """Send raw bytes."""
        try:
            self.socket.sendall(content)
        except OSError as error:
            raise ConnectionClosed(str(error)) from error

    def reply(self, *, bodiless: bool = False) -> Reply:
        """Read a response."""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        status = int(first.split(" ")[1])
        headers = tuple(
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines if line)
        )
        fields = dict(headers)
        self._is_over = fields.get("connection") == "close"
        if bodiless or status in {204, 304} or status < 200:
            return Reply(status, headers, b"")
        if fields.get("transfer-encoding") == "chunked":
            return Reply(status, headers, self._chunks())
        if "content-length" in fields:
            return Reply(status, headers, self._exactly(int(fields["content-length"])))
        return Reply(status, headers, self.read_remaining())

    def read_remaining(self) -> bytes:
        """Read to the end of the connection."""
        while self._has_received_more():
            pass
        content, self._unread = self._unread, b""
        return content

    def _chunks(self) -> bytes:
        pieces = b""
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            pieces += self._exactly(size)
            self._until(b"\r\n")
        self._until(b"\r\n")
        return pieces

    def _until(self, end: bytes) -> bytes:
        while end not in self._unread:
            if not self._has_received_more():
                raise ConnectionClosed(f"closed after {self._unread[:100]!r}")
        result, _, self._unread = self._unread.partition(end)
        return result

    def _exactly(self, size: int) -> bytes:
        while len(self._unread) < size:
            if not self._has_received_more():
                raise ConnectionClosed(f"closed {size - len(self._unread)} bytes before the end")
        result, self._unread = self._unread[:size], self._unread[size:]
        return result

    def _has_received_more(self) -> bool:
        try:
            piece = self.socket.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError:
            return False
        self._unread += piece
        return bool(piece)
