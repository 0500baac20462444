"""Faults of the distributed server under load: nothing is lost, nothing takes effect twice."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.requirements import needs_programs
from support.server.concurrent_writers import WriterPool, life_of_an_app
from support.server.loaded_cluster import CLIENTS, PAUSE_SECONDS
from support.server.local_system import PROCESSES, REQUIRED_PROGRAMS, SERVICES, LocalSystem, is_running
from support.server.write_checks import check_everything, prepare
from support.services.brokers import BROKER_PARAMETERS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    needs_programs(*REQUIRED_PROGRAMS),
]
WRITER_NUMBERS = itertools.count()
"""The names that writers use contain their numbers."""
PROGRESS_TIMEOUT_SECONDS = 90
WRITES_BETWEEN_FAULTS = 30
DATABASE_AWAY_SECONDS = 10
DISK_SIZE = "300m"
UNPRIVILEGED_USER_ID = 65534
ON_ONE_BUS = pytest.mark.parametrize("shared_system", BROKER_PARAMETERS[:1], indirect=True)
"""Faults in which every bus has the same part: those of the broker itself run on each."""


@pytest.fixture(scope="module", params=BROKER_PARAMETERS)
def shared_system(request, tmp_path_factory):
    """A system for all tests on a bus: its start takes longer than most faults."""
    system = LocalSystem(tmp_path_factory.mktemp("shared") / "system", request.param)
    try:
        system.up()
        with system.wire(system.login()) as wire:
            prepare(wire)
        yield system
    finally:
        system.end()


@pytest.fixture
def system(shared_system):
    """The system with all processes running."""
    shared_system.up()
    return shared_system


@contextmanager
def clients(system):
    """Write while the block runs; check afterwards that rows, events and audit log match."""
    first = next(WRITER_NUMBERS) * CLIENTS
    with WriterPool(
        system.port, system.login(), life_of_an_app, CLIENTS, first=first, pause_seconds=PAUSE_SECONDS
    ) as crew:
        await_writes(crew)
        yield crew
        await_writes(crew)
    assert crew.wrong == []
    system.settle()
    with system.wire(system.login()) as wire:
        check_everything(crew, wire)
    end_to_end = system.check()
    assert (end_to_end.returncode, end_to_end.stderr) == (0, "")
    assert {name: "Traceback" in system.log(name) for name in SERVICES} == dict.fromkeys(SERVICES, False)


def await_writes(crew):
    """Wait until more writes have succeeded."""
    enough = len(crew.confirmed) + WRITES_BETWEEN_FAULTS
    end = time.monotonic() + PROGRESS_TIMEOUT_SECONDS
    while len(crew.confirmed) < enough:
        assert time.monotonic() < end, f"writes do not go on: {crew.wrong}"
        time.sleep(0.1)


@ON_ONE_BUS
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


@ON_ONE_BUS
def test_postgresql_is_killed_and_is_away(system):
    """Requests are answered with 503 and Retry-After, and no service needs a restart."""
    with clients(system) as crew:
        ids = {name: system.process_id(name) for name in SERVICES}
        system.kill("postgresql")
        system.up()
        await_writes(crew)
        database = system.process_id("postgresql")
        os.kill(database, signal.SIGINT)
        await_end(database)
        end = time.monotonic() + DATABASE_AWAY_SECONDS
        while time.monotonic() < end:
            check_unavailable(system)
            time.sleep(0.5)
        system.up()
        await_writes(crew)
        assert {name: system.process_id(name) for name in SERVICES} == ids


def await_end(process_id):
    """Wait until a process has ended."""
    end = time.monotonic() + PROGRESS_TIMEOUT_SECONDS
    while is_running(process_id):
        assert time.monotonic() < end, f"process {process_id} does not end"
        time.sleep(0.1)


def check_unavailable(system):
    """Send a request that needs a database: it is refused with the time to try again."""
    with system.wire() as wire:
        reply = wire.ask("POST", "/auth/login", {"username": "admin", "password": "not the password"})
    assert reply.status == 503, reply.text
    assert int(reply.header("retry-after")) > 0


@ON_ONE_BUS
def test_everything_is_killed_at_once(system):
    with clients(system) as crew:
        for _ in range(2):
            system.kill(*PROCESSES)
            system.up()
            await_writes(crew)


@pytest.fixture
def disk():
    """Mount a small disk, and have PostgreSQL use it: its user may enter it, unlike the tests' directory."""
    disk = Path(tempfile.mkdtemp(prefix="envmgr-disk-"))
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "disk", disk], check=True)
        try:
            (disk / "postgresql").mkdir(mode=0o700)
            shutil.chown(disk / "postgresql", UNPRIVILEGED_USER_ID)
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)
    finally:
        disk.rmdir()


def can_mount():
    """Return whether this user can mount a disk that other processes see: root may lack the right."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory(prefix="envmgr-probe-") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "probe", directory]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            return False
        subprocess.run(["umount", directory], check=True)
    return True


@pytest.mark.skipif(not can_mount(), reason="this user cannot mount a small disk")
def test_the_disk_of_postgresql_is_full(disk, tmp_path):
    """Writes are refused until space is there again; PostgreSQL may have ended, the services go on."""
    system = LocalSystem(tmp_path / "system")
    system.directory.mkdir(mode=0o700)
    (system.directory / "postgresql").symlink_to(disk / "postgresql")
    try:
        system.up()
        with system.wire(system.login()) as wire:
            prepare(wire)
        ids = {name: system.process_id(name) for name in SERVICES}
        with clients(system) as crew:
            fill(disk / "filler")
            await_refusals(crew)
            (disk / "filler").unlink()
            system.up()
            await_writes(crew)
        assert {name: system.process_id(name) for name in SERVICES} == ids
    finally:
        system.end()


def fill(path):
    """Write zeros until no space is left."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(2**20)):
            pass


def await_refusals(crew):
    """Wait until every writer repeats a request."""
    end = time.monotonic() + PROGRESS_TIMEOUT_SECONDS
    before = [writer.book.retried for writer in crew.writers]
    while any(writer.book.retried <= count for writer, count in zip(crew.writers, before, strict=True)):
        assert time.monotonic() < end, "a full disk refuses no write"
        time.sleep(0.1)
