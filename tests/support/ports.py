"""Free ports, for settings that must name them before a server starts."""

from __future__ import annotations

import socket

from support.http.raw_client import HOST


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
