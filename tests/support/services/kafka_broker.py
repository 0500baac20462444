"""A Kafka broker of the tests.

The program is that of the pinned package `noida-db`, which speaks Kafka's protocol: the same on every machine. When it
is killed, it loses what it acknowledged in its last second.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import signal
import socket
from functools import cache

from envmgr.server.kit.config.bus_settings import KAFKA
from support.requirements import needs
from support.services.broker_process import HOST, BrokerProcess, store_in


def create_kafka_broker():
    """Create a broker, not started."""
    return BrokerProcess(KAFKA, _create_command, _accepts_connections, signal.SIGTERM)


def _create_command(port, directory):
    arguments = ["--only", "kafka", "--kafka-port", str(port), "--data-dir", store_in(directory)]
    return [installed_broker(), "start", *arguments]


def _accepts_connections(port):
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


@cache
def installed_broker():
    """Return the path of the broker's program, or None where the package is not installed."""
    package = importlib.util.find_spec("noida_db")
    if package is None:
        return None
    program = os.path.join(package.submodule_search_locations[0], "noida-db")
    if not os.access(program, os.X_OK):
        os.chmod(program, 0o755)  # as the package's own command does; a wheel may lose the mode
    return program


NEEDS_KAFKA = needs(installed_broker(), "noida-db")


@cache
def shared_kafka_broker():
    """Return this process's broker, started when first asked for, and ended with the process."""
    broker = create_kafka_broker().start()
    atexit.register(broker.close)
    return broker
