"""The distributed server as `deploy/local.sh` starts it, in a directory and on ports of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from support.http.raw_client import HOST, ConnectionClosed, Wire
from support.ports import free_ports
from support.processes import is_running
from support.server.server_process import IDLE_EVENTS, SETTLE_TIMEOUT_SECONDS
from support.waiting import wait_until

CHECKOUT = Path(__file__).parents[3]
SCRIPT = CHECKOUT / "deploy" / "local.sh"
END_TO_END = CHECKOUT / "deploy" / "e2e.sh"
SERVICES = ("app", "version", "deployment", "audit", "gateway", "worker")
PROCESSES = ("postgresql", "broker", *SERVICES)
PORT_SPAN = 22
"""Ports from the base on that are used."""
COMMAND_TIMEOUT_SECONDS = 240
REQUIRED_PROGRAMS = ("bash", "curl", "jq")


class LocalSystem:
    """Six services, PostgreSQL and a broker; `end` leaves no process and no file."""

    def __init__(self, directory: Path, bus: str = "nats") -> None:
        self.directory = directory
        self.port_base = free_ports(PORT_SPAN)
        self._bus = bus

    @property
    def port(self) -> int:
        """The port of the gateway."""
        return self.port_base

    @property
    def url(self) -> str:
        """The address of the gateway."""
        return f"http://{HOST}:{self.port}"

    def run(self, command: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the script."""
        return self._execute(SCRIPT, command, "--dir", str(self.directory), *arguments, **variables)

    def up(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Start what does not run; raise AssertionError unless all of it is ready."""
        options = ("--bus", self._bus, "--port-base", str(self.port_base))
        result = self.run("up", *options, *arguments, **variables)
        assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
        return result

    def end(self) -> None:
        """Stop everything and delete it."""
        result = self.run("down", "--delete")
        assert result.returncode == 0, result.stderr

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run the end-to-end check."""
        return self._execute(END_TO_END, "--dir", str(self.directory), ALM_E2E_TIMEOUT_SECONDS="90")

    @staticmethod
    def _execute(script: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [script, *arguments],
            env={**os.environ, "ALM_LOCAL_BIN": str(Path(sys.executable).parent), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )

    def process_id(self, name: str) -> int:
        """Return the recorded id of a process."""
        return int((self.directory / "run" / name).read_text().split()[0])

    def kill(self, *names: str) -> None:
        """End processes as a power failure does."""
        for name in names:
            os.kill(self.process_id(name), signal.SIGKILL)
        for name in names:
            wait_until(lambda name=name: not is_running(self.process_id(name)), f"{name} does not end")

    def erase_broker(self) -> None:
        """Delete what the broker has stored; it must have ended."""
        shutil.rmtree(self.directory / "broker")

    def log(self, name: str) -> str:
        """Return what a process has written."""
        return (self.directory / "logs" / f"{name}.log").read_text(errors="replace")

    def port_of(self, service: str) -> int:
        """Return the HTTP port of a service."""
        return self.port_base + ("gateway", *SERVICES[:4], "worker").index(service)

    def wire(self, token: str = "", *, service: str = "gateway") -> Wire:
        """Connect to a service."""
        return Wire(self.port_of(service), token=token, timeout=30)

    def login(self) -> str:
        """Return an access token of the admin."""
        password = (self.directory / "secrets" / "admin-password").read_text()
        with self.wire() as wire:
            reply = wire.ask("POST", "/auth/login", {"username": "admin", "password": password})
        assert reply.status == 200, reply.text
        return str(reply.json["access_token"])

    def readiness(self, service: str) -> dict[str, str]:
        """Return the details of a service's checks by their names; empty if it does not respond."""
        try:
            with self.wire(service=service) as wire:
                checks = wire.ask("GET", "/readyz").json.get("checks", ())
        except (ConnectionClosed, TimeoutError):
            return {}
        return {check["name"]: check["detail"] for check in checks}

    def settle(self) -> None:
        """Wait until every event is published and consumed."""
        wait_until(
            lambda: all(self.readiness(service).get("events") == IDLE_EVENTS for service in SERVICES),
            "events are still on their way",
            SETTLE_TIMEOUT_SECONDS,
        )
