"""Ports that refuse connections.

The system gives the port of a server that has ended to the next server that asks for any: that of another test.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.http.raw_client import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def refusing_port() -> Iterator[int]:
    """Yield a port that refuses connections."""
    with closed_port(0) as holder:
        yield holder.getsockname()[1]


def closed_port(port: int) -> socket.socket:
    """Return a socket that has a port and does not listen."""
    holder = socket.socket()
    if os.name == "posix":  # connections to the server that had the port may be about to end
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((HOST, port))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return holder
