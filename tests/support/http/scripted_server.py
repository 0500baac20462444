"""A local HTTP server that responds by a function of the test, and records every request."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from support.closed_ports import closed_port

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True)
class RecordedRequest:
    """A request: header names are in lower case, the path includes the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> object:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class ScriptedResponse:
    """A response with a body, or with `blocks` sent one by one, of which None closes the connection."""

    status: int = 200
    document: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    blocks: Iterable[bytes] | None = None


class Scripted:
    """Responds by a function, from threads of this process."""

    def __init__(
        self,
        response: Callable[[RecordedRequest], ScriptedResponse | None],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.response = response
        self.headers = dict(headers or {})
        self.requests: list[RecordedRequest] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._closed_port: socket.socket | None = None
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._closed_port is not None:
            self._closed_port.close()

    def close(self) -> None:
        """Stop the server, and refuse connections until the end of `with`; a second call has no effect."""
        if self._closed_port is not None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._closed_port = closed_port(self.port)
        self._thread.join()

    @property
    def lines(self) -> list[str]:
        """Return the requests, such as `GET /apps`."""
        return [str(item) for item in self.requests]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = RecordedRequest(self.command, self.path, headers, self.rfile.read(length))
                owner.requests.append(request)
                response = owner.response(request)
                if response is None:
                    self.close_connection = True
                    return
                self._say(response)

            def _say(self, response: ScriptedResponse) -> None:
                body = response.body
                if body is None:
                    body = b"" if response.document is None else json.dumps(response.document).encode()
                self.send_response(response.status)
                for name, value in {**owner.headers, **response.headers}.items():
                    self.send_header(name, value)
                if response.blocks is None:
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
                self.send_header("Connection", "close")
                self.end_headers()
                for block in response.blocks:
                    self.wfile.write(block)
                    self.wfile.flush()
                self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Write no log."""

        return Handler


ALM = {"ALM-API": "1", "Content-Type": "application/json"}


def problem(status: int, kind: str, detail: str, **members: object) -> ScriptedResponse:
    """Return a problem document as the ALM server does."""
    document = {
        "type": f"/problems/{kind}",
        "title": kind,
        "status": status,
        "detail": detail,
        "instance": "/x",
    }
    return ScriptedResponse(status, {**document, **members}, {"Content-Type": "application/problem+json"})
