"""An ALM server in a process of its own, for the duration of a benchmark."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "a password for benchmarks"


@dataclass(frozen=True)
class Server:
    """A running server: its address, an access token, and its start-up time."""

    port: int
    token: str
    ready: float
    pid: int

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return the decoded response."""
        return ask(self.port, method, path, body, self.token)

    def fetch(self, path: str) -> bytes:
        """Send a request and return the undecoded response."""
        return send(self.port, "GET", path, None, self.token)

    def until_quiet(self) -> None:
        """Wait until every event has reached every consumer."""
        while not any(
            check["detail"].startswith("0 events") for check in self.ask("GET", "/readyz")["checks"]
        ):
            time.sleep(0.1)

    def memory(self) -> float:
        """Return the resident memory, in MiB."""
        with open(f"/proc/{self.pid}/status") as file:
            (line,) = (line for line in file if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def serve(directory: str, *options: str) -> Iterator[Server]:
    """Serve a data directory."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "envmgr.server",
        "serve",
        "all",
        "--port",
        str(port),
        "--data-dir",
        directory,
    ]
    environment = {**os.environ, "ALM_ADMIN_PASSWORD": PASSWORD, "LOG_LEVEL": "warning"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    with (
        open(os.path.join(directory, "..", "server.log"), "ab") as log,
        subprocess.Popen([*command, *options], env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            until_ready(port, process)
            ready = time.perf_counter() - start
            credentials = {"username": "admin", "password": PASSWORD}
            token = ask(port, "POST", "/auth/login", credentials)["access_token"]
            yield Server(port, token, ready, process.pid)
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until_ready(
    port: int, process: subprocess.Popen[bytes], path: str = "/readyz", seconds: float = 60
) -> None:
    """Wait until a server reports that it is ready."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"the server on port {port} did not become ready (exit code {process.poll()})")


def ask(port: int, method: str, path: str, body: object = None, token: str = "") -> Any:
    """Send a request to a server and return the decoded response."""
    text = send(port, method, path, body, token)
    return json.loads(text) if text else None


def send(port: int, method: str, path: str, body: object, token: str) -> bytes:
    """Send a request to a server and return the undecoded response."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} if data else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return bytes(response.read())
