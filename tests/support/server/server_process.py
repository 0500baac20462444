"""The ALM server as a process that a test can kill, stop and start again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from support.http.raw_client import ConnectionClosed, Wire
from support.ports import free_port
from support.server import server_commands
from support.services.database_runners import DATABASE, postgres_databases, postgres_server_url
from support.waiting import poll_interval, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from support.forked_processes import RunningProcess

ADMIN_PASSWORD = "correct horse battery staple"
START_SECONDS = 180
"""Timeout of a start on a loaded machine."""

RESPONSE_TIMEOUT_SECONDS = 60
"""Timeout of a response: longer than the server takes until it refuses a request."""

STOP_TIMEOUT_SECONDS = 60
"""Timeout of an end: a process that has exited waits for its last write to a busy disk."""

SETTLE_TIMEOUT_SECONDS = 120
IDLE_EVENTS = "0 events pending, consumers at most 0 behind"


class Daemon:
    """The server on one port and data directory, for any number of starts."""

    def __init__(
        self,
        root: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
        launch: Callable[[Sequence[str], Mapping[str, str], Path], RunningProcess] = server_commands.launch,
    ) -> None:
        self.root = root
        self.data = root / "data"
        self.log = root / "log"
        self.port = port or free_port()
        self._arguments = arguments
        self._launch = launch
        self._environment = dict(environment or {})
        self._process: RunningProcess | None = None

    def start(self) -> Daemon:
        """Start the server and wait until it is ready."""
        self.launch()
        self.await_ready()
        return self

    def launch(self) -> None:
        """Start the server without waiting."""
        environment = {**os.environ, **self._variables()}
        self._process = self._launch(self._command(), environment, self.log)

    def _command(self) -> list[str]:
        return ["serve", "all", "--port", str(self.port), "--data-dir", str(self.data), *self._arguments]

    def _variables(self) -> dict[str, str]:
        if DATABASE == "postgresql":
            self._environment.setdefault("DB_URL", postgres_server_url(self.root))
        return {"ALM_ADMIN_PASSWORD": ADMIN_PASSWORD, **self._environment}

    def await_ready(self) -> None:
        """Wait until the server is ready; raise its output if it fails."""
        self._await(self.is_ready)

    def await_alive(self) -> None:
        """Wait until the server responds, ready or not; raise its output if it fails."""
        self._await(self.is_alive)

    def _await(self, look: Callable[[], bool]) -> None:
        start = time.monotonic()
        while (waited := time.monotonic() - start) < START_SECONDS:
            if self._running.poll() is not None:
                break
            if look():
                return
            time.sleep(poll_interval(waited))
        self.kill()
        raise AssertionError(f"the server does not start:\n{self.output[-4000:]}")

    def is_ready(self) -> bool:
        """Return whether the server is ready."""
        return self._is_well("/readyz")

    def is_alive(self) -> bool:
        """Return whether the server responds."""
        return self._is_well("/healthz")

    def _is_well(self, path: str) -> bool:
        try:
            with Wire(self.port, timeout=5) as wire:
                return wire.ask("GET", path).status == 200
        except (ConnectionClosed, TimeoutError):
            return False

    def kill(self) -> None:
        """Kill the server, as a power failure does."""
        self._running.kill()
        self._running.wait()

    def pause(self) -> None:
        """Pause the server, as a host that hangs does: connections stay open, and nothing answers."""
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the server where it was paused."""
        self._running.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Terminate the server and return its exit code."""
        self._running.send_signal(signal.SIGTERM)
        try:
            return self._running.wait(timeout=STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def wait(self) -> int:
        """Wait until the server exits by itself and return its exit code."""
        return self._running.wait(timeout=START_SECONDS)

    def end(self) -> None:
        """Kill the server if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._running.pid

    @property
    def open_files(self) -> int:
        """The number of open files of the process."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def visible_data(self) -> Path:
        """The data directory as the process sees it, through mounts of its own."""
        return Path(f"/proc/{self.pid}/root{self.data}")

    @property
    def is_running(self) -> bool:
        """Return whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def _running(self) -> RunningProcess:
        assert self._process is not None
        return self._process

    @property
    def output(self) -> str:
        """The content of standard output and standard error."""
        return self.log.read_text(errors="replace")

    @property
    def resident(self) -> int:
        """The resident memory in bytes."""
        size: int = psutil.Process(self._running.pid).memory_info().rss
        return size

    @property
    def received(self) -> int:
        """The number of bytes read so far; 0 on systems that do not report it."""
        if not os.path.exists("/proc/self/io"):
            return 0
        with open(f"/proc/{self._running.pid}/io") as lines:
            return int(next(lines).partition(":")[2])

    def wire(self, token: str = "", *, timeout: float = RESPONSE_TIMEOUT_SECONDS) -> Wire:
        """Connect to the server."""
        return Wire(self.port, token=token, timeout=timeout)

    def execute(self, service: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement in a service's database, beside the server; return its rows."""
        if DATABASE == "postgresql":
            prefix = self._environment["DB_URL"].rpartition("/")[2]
            return postgres_databases().run(statement, f"{prefix}_{service}")
        with (
            closing(sqlite3.connect(self.data / f"{service}.db", timeout=START_SECONDS)) as connection,
            connection,
        ):
            return connection.execute(statement).fetchall()

    def metric(self, name: str) -> float:
        """Return the value of a metric with its labels: `name{label="value"}`."""
        with self.wire() as wire:
            lines = wire.ask("GET", "/metrics").body.decode().splitlines()
        (value,) = [line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")]
        return float(value)

    def readiness(self) -> dict[str, str]:
        """Return the details of the server's checks by their names; empty if it does not respond."""
        try:
            with self.wire(timeout=15) as wire:
                checks = wire.ask("GET", "/readyz").json.get("checks", ())
        except (ConnectionClosed, TimeoutError):
            return {}
        return {check["name"]: check["detail"] for check in checks}

    def event_details(self) -> list[str]:
        """Return what each process reports of its events."""
        return [self.readiness().get("events", "")]

    def settle(self, token: str) -> None:
        """Wait until all events have arrived.

        One look does not suffice: an event may cause another one between the questions of how many are pending and
        how far consumers are behind.
        """
        state: tuple[list[str], object] = ([], None)

        def has_settled() -> bool:
            nonlocal state
            earlier, state = state, (self.event_details(), wire.ask("GET", "/audits?limit=1").json)
            return state == earlier and set(state[0]) == {IDLE_EVENTS}

        with self.wire(token) as wire:
            wait_until(has_settled, "events are still on their way", SETTLE_TIMEOUT_SECONDS)

    def login(self, username: str = "admin", password: str = ADMIN_PASSWORD) -> dict[str, str]:
        """Sign in and return the session."""
        with self.wire() as wire:
            reply = wire.ask("POST", "/auth/login", {"username": username, "password": password})
        assert reply.status == 200, reply
        return reply.json
