"""Free ports, for settings that must name them before a server starts.

A port belongs to the process of tests that got it until that ends: nothing listens on it before its server starts, nor
while its server is away.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import tempfile
from functools import cache

from support.http.raw_client import HOST

PORTS = range(10_000, 32_768)
"""Below those that systems give to outgoing connections, which would take a port before its server starts."""
MAX_ATTEMPTS = 200
_RANDOM = random.SystemRandom()
"""Not the common generator, which tests may seed: other workers would get the same ports."""
_TAKEN: set[int] = set()
"""What this process got."""
_TEMPORARY_DIRECTORY = tempfile.gettempdir()
"""Read at import, as the fixtures of tests change the environment."""


def free_port() -> int:
    """Return a port that nothing listens on, and that no other call returns."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """Return the first of consecutive ports that nothing listens on, and that no other call returns."""
    for _ in range(MAX_ATTEMPTS):
        first = _RANDOM.randrange(PORTS.start, PORTS.stop - count)
        ports = range(first, first + count)
        if _TAKEN.isdisjoint(ports) and all(map(_is_free, ports)) and _can_lock(ports):
            _TAKEN.update(ports)
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


if sys.platform == "win32":

    def _can_lock(ports: range) -> bool:  # noqa: ARG001 - as elsewhere
        """Return True: the processes of tests do not share locks."""
        return True

else:
    import fcntl

    def _can_lock(ports: range) -> bool:
        """Lock ports until the end of this process; return whether no other process has one of them."""
        try:
            fcntl.lockf(_lock_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, len(ports), ports.start)
        except (BlockingIOError, PermissionError):
            return False
        return True

    @cache
    def _lock_file() -> int:
        """Return a descriptor of the file with a byte for each port; closing one would unlock all of them."""
        path = os.path.join(_TEMPORARY_DIRECTORY, f"envmgr-test-ports-{os.getuid()}")
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
