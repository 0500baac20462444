"""HTTP server of a directory's files, from the kernel's cache or through a throttled line."""

from __future__ import annotations

import contextlib
import http.server
import os
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_BLOCK_BYTES = 1 << 14
_FRESH_SECONDS = 3600  # for which lists need not be requested again, as upstreams declare


class Line(NamedTuple):
    """A line of a bandwidth that all responses share (0: not limited), and a delay of each response."""

    bytes_per_second: float = 0.0
    delay_seconds: float = 0.0


@contextlib.contextmanager
def serve(directory: str, line: Line) -> Iterator[str]:
    """Serve a directory's files and yield the server's URL."""
    clock = _Clock(line)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(line.delay_seconds)
            try:
                file = open(os.path.join(directory, os.path.basename(self.path)), "rb")  # noqa: SIM115 - closed below
            except OSError:
                self.send_error(404)
                return
            with file:
                self.send_response(200)
                self.send_header("Cache-Control", f"max-age={_FRESH_SECONDS}")
                self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
                self.end_headers()
                self.wfile.flush()
                self._send(file)

        def _send(self, file: BinaryIO) -> None:
            if not line.bytes_per_second:
                self.connection.sendfile(file)
                return
            while block := file.read(_BLOCK_BYTES):
                clock.wait(len(block))
                self.connection.sendall(block)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Clock:
    """Times at which the bytes of all responses may be sent."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self, count: int) -> None:
        """Wait until that many bytes may be sent."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now) + count / self._line.bytes_per_second
            pause = self._next - now
        if pause > 0:
            time.sleep(pause)
