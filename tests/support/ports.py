"""Free ports, for settings that must name them before a server starts."""

from __future__ import annotations

import random
import socket

from support.http.raw_client import HOST

PORTS = range(10_000, 32_768)
"""Below those that systems give to outgoing connections, which would take a port before its server starts."""
MAX_ATTEMPTS = 200
_RANDOM = random.SystemRandom()
"""Not the common generator, which tests may seed: other workers would get the same ports."""


def free_port() -> int:
    """Return a port that nothing listens on."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """Return the first of consecutive ports that nothing listens on."""
    for _ in range(MAX_ATTEMPTS):
        first = _RANDOM.randrange(PORTS.start, PORTS.stop - count)
        if all(_is_free(first + offset) for offset in range(count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
