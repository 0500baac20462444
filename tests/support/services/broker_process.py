"""A broker of the tests: a process on loopback, whose store survives it or is erased."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from envmgr.server.kit.config.bus_settings import BusSettings
from support.ports import free_port

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 60
_PR_SET_PDEATHSIG = 1


class BrokerProcess:
    """A broker, at the same address through any number of starts.

    `create_command` returns what starts it, of its port and its directory; `is_ready` takes the port; `end_signal`
    ends it in a way that loses nothing it acknowledged.
    """

    def __init__(self, kind, create_command, is_ready, end_signal):
        self._kind = kind
        self._is_ready = is_ready
        self._end_signal = end_signal
        self._directory = tempfile.mkdtemp(prefix=f"envmgr-{kind}-")
        self.port = free_port()
        self._command = create_command(self.port, self._directory)
        self._process = None

    @property
    def url(self):
        """The address for clients."""
        return f"{self._kind}://{HOST}:{self.port}"

    @property
    def store(self):
        """The directory of what it stores."""
        return Path(store_in(self._directory))

    def settings(self, prefix):
        """Return the settings of a bus on this broker."""
        return BusSettings(self._kind, (self.url,), prefix)

    def launch(self):
        """Start it; return at once."""
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - it makes one system call
            )

    def start(self):
        """Start it; return when it accepts connections."""
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_ready(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                with open(self._log, encoding="utf-8") as log:
                    raise RuntimeError(f"{self._command[0]} did not start: {log.read()}")
            time.sleep(0.02)
        return self

    def kill(self):
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def end(self):
        """End it in a way that loses nothing it acknowledged."""
        self._end(self._end_signal)

    def pause(self):
        """Pause it, as a host that hangs does: connections stay open, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        """Resume it where it was paused."""
        self._process.send_signal(signal.SIGCONT)

    def back_up(self):
        """Copy the store; the broker must have ended."""
        shutil.copytree(store_in(self._directory), self._backup)

    def restore(self):
        """Replace the store by its copy, without what came later; the broker must have ended."""
        self.erase()
        shutil.move(self._backup, store_in(self._directory))

    def erase(self):
        """Delete the store; the broker must have ended."""
        shutil.rmtree(store_in(self._directory))

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
    def _log(self):
        return os.path.join(self._directory, "log")

    @property
    def _backup(self):
        return os.path.join(self._directory, "backup")

    def _end(self, number):
        self._process.send_signal(number)
        self._process.wait(START_TIMEOUT_SECONDS)


def store_in(directory):
    """Return the path of a broker's store in its directory."""
    return os.path.join(directory, "store")


def end_with_parent(number=signal.SIGKILL):
    """End the server with the thread that started it: a process that is killed runs no cleanup."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
