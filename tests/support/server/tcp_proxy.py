"""A network between two processes that a test can cut: a TCP proxy that holds back responses."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from support.http.raw_client import HOST

if TYPE_CHECKING:
    from typing import Self

CHUNK_BYTES = 1 << 16
CONNECT_TIMEOUT_SECONDS = 10
_OPEN = threading.Event()
_OPEN.set()


class TcpProxy:
    """A proxy for one port on loopback.

    What it holds back arrives later, as TCP repeats what a network loses for a while.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._responses = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.release()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        for connection in (self._listener, *self._sockets):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def hold_responses(self) -> None:
        """Deliver requests, and hold back their responses."""
        self._responses.clear()

    def release(self) -> None:
        """Deliver what was held back, and all that follows."""
        self._responses.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self._target), CONNECT_TIMEOUT_SECONDS)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._sockets.append(server)
        for source, sink in ((client, server), (server, client)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            gate = self._responses if source is server else _OPEN
            threading.Thread(target=_forward, args=(source, sink, gate), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
    """Send bytes in one direction while the gate is open, until either side closes."""
    with suppress(OSError):
        while content := source.recv(CHUNK_BYTES):
            gate.wait()
            sink.sendall(content)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
