"""A cluster under load, checked for lost and doubled writes after a fault."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import nats

from envmgr.server.kit.messaging.nats_bus.names import Names
from support import waiting
from support.server.cluster import Cluster
from support.server.concurrent_writers import Writer, WriterPool, life_of_an_app, pages
from support.server.server_process import IDLE_EVENTS
from support.server.write_checks import await_deployments_by_rule, check_everything, prepare
from support.services.nats_bus import ANSWER_TIMEOUT_SECONDS
from support.services.nats_server import create_nats_server

if TYPE_CHECKING:
    import threading
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from support.server.cluster import ServiceDaemon

T = TypeVar("T")
CLIENTS, PAUSE_SECONDS = 4, 0.5
"""Clients, and what each waits after a response: faster ones only take the processors from what is tested."""
WRITES_BETWEEN_FAULTS = 8
PROGRESS_TIMEOUT_SECONDS = 120
wait_until = partial(waiting.wait_until, seconds=PROGRESS_TIMEOUT_SECONDS)


class LoadedCluster:
    """Processes of all services on real servers, and the clients that write to them."""

    def __init__(self, root: Path, replicas: int) -> None:
        self.broker = create_nats_server()
        self.cluster = Cluster(root, self.broker.url, replicas=replicas)
        self._next_writer = 0

    def start(self) -> LoadedCluster:
        """Start everything."""
        self.broker.start()
        self.cluster.start()
        with self.cluster.gateway.wire(self.login()) as wire:
            prepare(wire)
        return self

    def end(self) -> None:
        """Kill everything."""
        self.cluster.end()
        self.broker.close()

    def login(self) -> str:
        """Return an access token of the admin."""
        return str(self.cluster.gateway.login()["access_token"])

    @contextmanager
    def clients(
        self,
        gateway: ServiceDaemon | None = None,
        create: Callable[[int, int, str, threading.Event], Writer] | None = None,
    ) -> Iterator[WriterPool]:
        """Write while the block runs; check afterwards that rows, events and audit log match."""
        token, first = self.login(), self._next_writer
        self._next_writer += CLIENTS
        port = (gateway or self.cluster.gateway).port
        with WriterPool(
            port, token, life_of_an_app, CLIENTS, first=first, create=create, pause_seconds=PAUSE_SECONDS
        ) as crew:
            await_writes(crew)
            yield crew
            await_writes(crew)
        assert crew.wrong == []
        self.check(crew)

    def check(self, crew: WriterPool) -> list[dict[str, object]]:
        """Check that rows, events and audit log match the responses; return the entries of the log."""
        with self.cluster.gateway.wire(self.login(), timeout=60) as wire:
            await_deployments_by_rule(wire)
        self.settle()
        with self.cluster.gateway.wire(self.login(), timeout=60) as wire:
            return check_everything(crew, wire)

    def ask_broker(self, call: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Return the result of a call with the broker, the names that the cluster has there, and arguments."""

        async def ask() -> T:
            client = await nats.connect(self.broker.url)
            try:
                jetstream = client.jetstream(timeout=ANSWER_TIMEOUT_SECONDS)
                return await call(jetstream, Names(self.cluster.bus_prefix), *arguments)
            finally:
                await client.close()

        return asyncio.run(ask())

    def audit_entries(self) -> list[dict[str, object]]:
        """Return the audit log."""
        with self.cluster.gateway.wire(self.login(), timeout=60) as wire:
            return list(pages(wire, "/audits?sort=seq&limit=200"))

    def settle(self) -> None:
        """Wait until every event is published and consumed."""
        wait_until(
            lambda: all(
                process.readiness().get("events") == IDLE_EVENTS for process in self.cluster.processes
            ),
            "events are still on their way",
        )

    def await_ready(self) -> None:
        """Wait until each process is ready."""
        wait_until(
            lambda: all(process.is_ready() for process in self.cluster.processes), "a process is not ready"
        )


def await_writes(crew: WriterPool, count: int = WRITES_BETWEEN_FAULTS) -> None:
    """Wait until more writes have succeeded."""
    enough = len(crew.confirmed) + count
    wait_until(lambda: len(crew.confirmed) >= enough or crew.wrong, "writes do not go on")
    assert crew.wrong == []
