"""A system of `deploy/local.sh` under load, checked for lost and doubled writes after a fault."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.server.concurrent_writers import WriterPool, life_of_an_app
from support.server.loaded_cluster import CLIENTS, PAUSE_SECONDS, await_writes
from support.server.local_system import SERVICES
from support.server.write_checks import await_deployments_by_rule, check_everything, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.server.local_system import LocalSystem

WRITER_NUMBERS = itertools.count()
"""The names that writers use contain their numbers."""


def start_for_clients(system: LocalSystem) -> None:
    """Start everything, and create what clients need."""
    system.up()
    with system.wire(system.login()) as wire:
        prepare(wire)


@contextmanager
def clients(system: LocalSystem) -> Iterator[WriterPool]:
    """Write while the block runs; check afterwards that rows, events and audit log match."""
    first = next(WRITER_NUMBERS) * CLIENTS
    with WriterPool(
        system.port, system.login(), life_of_an_app, CLIENTS, first=first, pause_seconds=PAUSE_SECONDS
    ) as crew:
        await_writes(crew)
        yield crew
        await_writes(crew)
    assert crew.wrong == []
    with system.wire(system.login()) as wire:
        await_deployments_by_rule(wire)
    system.settle()
    with system.wire(system.login()) as wire:
        check_everything(crew, wire)
    end_to_end = system.check()
    assert (end_to_end.returncode, end_to_end.stderr) == (0, "")
    assert {name: "Traceback" in system.log(name) for name in SERVICES} == dict.fromkeys(SERVICES, False)


def check_unavailable(system: LocalSystem) -> None:
    """Send a request that needs a database: it is refused with the time to try again."""
    with system.wire() as wire:
        reply = wire.ask("POST", "/auth/login", {"username": "admin", "password": "not the password"})
    assert reply.status == 503, reply.text
    assert int(reply.header("retry-after")) > 0
