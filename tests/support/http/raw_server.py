"""A local server that responses requests with bytes of a test, whether they are HTTP or not."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence


class RawServer:
    """Responds to requests in turn with bytes; None closes the connection.

    `requests` has the bytes of each, and `closings` is released when a connection was closed.
    """

    def __init__(self, responses: Sequence[bytes | None]) -> None:
        self.requests: list[bytes] = []
        self.connection_count = 0
        self.closings = threading.Semaphore(0)
        self._responses = list(responses)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._responses.clear()
        self._listener.shutdown(socket.SHUT_RDWR)  # ends `accept`
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connection_count += 1
            with (
                connection,
                contextlib.suppress(OSError),
            ):  # clients close connections whose rest they refuse to read
                connection.settimeout(60)
                self._serve(connection)
            self.closings.release()

    def _serve(self, connection: socket.socket) -> None:
        while self._responses and (request := _read_request(connection)):
            self.requests.append(request)
            connection.sendall(self._responses.pop(0) or b"")
            if self._responses[:1] == [None]:
                del self._responses[0]
                return


def _read_request(connection: socket.socket) -> bytes:
    """Return what was sent up to the end of the headers at least; nothing at the end of the connection."""
    content = b""
    while b"\r\n\r\n" not in content:
        block = connection.recv(1 << 16)
        if not block:
            return b""
        content += block
    return content
