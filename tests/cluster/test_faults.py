"""Faults of the distributed server under load: nothing is lost, nothing takes effect twice."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager

import pytest

from support.server.concurrent_writers import WriterPool, life_of_an_app
from support.server.local_system import REQUIRED_PROGRAMS, SERVICES, LocalSystem
from support.server.write_checks import check_everything, prepare

IN_CI = bool(os.environ.get("CI"))  # read at import: the fixture of each test removes the variable
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not IN_CI and not all(map(shutil.which, REQUIRED_PROGRAMS)), reason="curl or jq is not installed"
    ),
]
CLIENTS = 6
PROGRESS_TIMEOUT_SECONDS = 90
WRITES_BETWEEN_FAULTS = 30
BUSES = ("nats",)


@pytest.fixture(params=BUSES)
def system(request, tmp_path):
    system = LocalSystem(tmp_path / "system", request.param)
    try:
        system.up()
        yield system
    finally:
        system.end()


@contextmanager
def clients(system):
    """Write while the block runs; check afterwards that rows, events and audit log match."""
    token = system.login()
    with system.wire(token) as wire:
        prepare(wire)
    with WriterPool(system.port, token, life_of_an_app, CLIENTS) as crew:
        await_writes(crew)
        yield crew
        await_writes(crew)
    assert crew.wrong == []
    system.settle()
    with system.wire(token) as wire:
        check_everything(crew, wire)
    assert {name: "Traceback" in system.log(name) for name in SERVICES} == dict.fromkeys(SERVICES, False)


def await_writes(crew):
    """Wait until more writes have succeeded."""
    enough = len(crew.confirmed) + WRITES_BETWEEN_FAULTS
    end = time.monotonic() + PROGRESS_TIMEOUT_SECONDS
    while len(crew.confirmed) < enough:
        assert time.monotonic() < end, f"writes do not go on: {crew.wrong}"
        time.sleep(0.1)


def test_each_service_is_killed(system):
    with clients(system) as crew:
        for service in SERVICES:
            system.kill(service)
            status = system.run("status")
            assert status.returncode == 1
            assert f"{service} " in "".join(
                line for line in status.stdout.splitlines() if line.endswith("down")
            )
            system.up()
            await_writes(crew)


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
