"""A Kafka broker of the tests: a process on loopback, whose store survives it or is erased.

The program is that of the pinned package `noida-db`, which speaks Kafka's protocol: the same on every machine. When it
is killed, it loses what it acknowledged in its last second.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache

from envmgr.server.kit.config.bus_settings import KAFKA, BusSettings
from support.services.nats_server import end_with_parent, free_port

START_TIMEOUT_SECONDS = 60


class KafkaBroker:
    """A broker, at the same address through any number of starts."""

    def __init__(self):
        self._directory = tempfile.mkdtemp(prefix="envmgr-kafka-")
        self.port = free_port()
        self._process = None

    @property
    def url(self):
        """The address for clients."""
        return f"kafka://127.0.0.1:{self.port}"

    def settings(self, prefix):
        """Return the settings of a bus on this broker."""
        return BusSettings(KAFKA, (self.url,), prefix)

    def launch(self):
        """Start it; return at once."""
        arguments = ["--only", "kafka", "--kafka-port", str(self.port), "--data-dir", self._store]
        with open(os.path.join(self._directory, "log"), "ab") as log:
            self._process = subprocess.Popen(
                [installed_broker(), "start", *arguments],
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
                    raise RuntimeError(f"the broker did not start: {log.read()}")
            time.sleep(0.02)
        return self

    def kill(self):
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(START_TIMEOUT_SECONDS)

    def end(self):
        """End it in a way that loses nothing it acknowledged."""
        self._process.terminate()
        self._process.wait(START_TIMEOUT_SECONDS)

    def back_up(self):
        """Copy the store; the broker must have ended."""
        shutil.copytree(self._store, self._backup)

    def restore(self):
        """Replace the store by its copy, without what came later; the broker must have ended."""
        self.erase()
        shutil.move(self._backup, self._store)

    def erase(self):
        """Delete the store; the broker must have ended."""
        shutil.rmtree(self._store, ignore_errors=True)

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
        # A broker ends with the thread that started it, so it is started by this one.
        self.launch()

    @property
    def _store(self):
        return os.path.join(self._directory, "store")

    @property
    def _backup(self):
        return os.path.join(self._directory, "backup")

    def _accepts_connections(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
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


@cache
def shared_kafka_broker():
    """Return this process's broker, started when first asked for, and ended with the process."""
    broker = KafkaBroker().start()
    atexit.register(broker.close)
    return broker
