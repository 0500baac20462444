"""Faults of the distributed server under load: nothing is lost, nothing takes effect twice."""

from __future__ import annotations

import os
import signal
import time

import pytest

from support.processes import is_running
from support.requirements import needs_programs
from support.server.loaded_cluster import await_writes, wait_until
from support.server.loaded_system import check_unavailable, clients, start_for_clients
from support.server.local_system import PROCESSES, REQUIRED_PROGRAMS, SERVICES, LocalSystem

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    needs_programs(*REQUIRED_PROGRAMS),
]
DATABASE_AWAY_SECONDS = 10


@pytest.fixture(scope="module")
def shared_system(tmp_path_factory):
    """A system for all tests, on NATS: its start takes longer than most faults.

    Faults of the Kafka broker: tests/server/process/test_brokers.py.
    """
    system = LocalSystem(tmp_path_factory.mktemp("shared") / "system")
    try:
        start_for_clients(system)
        yield system
    finally:
        system.end()


@pytest.fixture
def system(shared_system):
    """The system with all processes running."""
    shared_system.up()
    return shared_system


def test_each_service_is_killed(system):
    with clients(system) as crew:
        for service in SERVICES:
            system.kill(service)
            if service == SERVICES[0]:
                check_status(system, service)
            system.up()
            await_writes(crew)


def check_status(system, service):
    """Check that the status names the service that does not run."""
    status = system.run("status")
    assert status.returncode == 1
    assert f"{service} " in "".join(line for line in status.stdout.splitlines() if line.endswith("down"))


def test_the_broker_is_killed_and_comes_back_with_and_without_its_store(system):
    """Writes go on without it: the outbox is the record."""
    with clients(system) as crew:
        for is_empty in (False, True):
            system.kill("broker")
            await_writes(crew)
            if is_empty:
                system.erase_broker()
            system.up()
            await_writes(crew)


def test_postgresql_is_killed_and_is_away(system):
    """Requests are answered with 503 and Retry-After, and no service needs a restart."""
    with clients(system) as crew:
        ids = {name: system.process_id(name) for name in SERVICES}
        system.kill("postgresql")
        system.up()
        await_writes(crew)
        database = system.process_id("postgresql")
        os.kill(database, signal.SIGINT)
        wait_until(lambda: not is_running(database), "PostgreSQL does not end")
        end = time.monotonic() + DATABASE_AWAY_SECONDS
        while time.monotonic() < end:
            check_unavailable(system)
            time.sleep(0.5)
        system.up()
        await_writes(crew)
        assert {name: system.process_id(name) for name in SERVICES} == ids


def test_everything_is_killed_at_once(system):
    with clients(system) as crew:
        system.kill(*PROCESSES)
        system.up()
        await_writes(crew)
