"""PostgreSQL's disk is full under load: no write is lost, and none takes effect twice."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from support.machine.small_disk import filled, needs_small_disk, small_disk
from support.requirements import needs_programs
from support.server.loaded_cluster import await_writes, wait_until
from support.server.loaded_system import check_unavailable, clients, start_for_clients
from support.server.local_system import REQUIRED_PROGRAMS, SERVICES, LocalSystem
from support.services.brokers import BROKER_PARAMETERS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    needs_programs(*REQUIRED_PROGRAMS),
]
DISK_SIZE = "300m"
UNPRIVILEGED_USER_ID = 65534


@pytest.fixture
def disk():
    """Mount a small disk, and have PostgreSQL use it: its user may enter it, unlike the tests' directory."""
    disk = Path(tempfile.mkdtemp(prefix="envmgr-disk-"))
    try:
        with small_disk(disk, DISK_SIZE):
            (disk / "postgresql").mkdir(mode=0o700)
            shutil.chown(disk / "postgresql", UNPRIVILEGED_USER_ID)
            yield disk
    finally:
        disk.rmdir()


@needs_small_disk()
@pytest.mark.parametrize(
    "bus", BROKER_PARAMETERS[1:]
)  # the disk is that of the database: one broker is enough
def test_the_disk_of_postgresql_is_full(disk, tmp_path, bus):
    """Writes are refused until space is there again; PostgreSQL may have ended, the services go on."""
    system = LocalSystem(tmp_path / "system", bus)
    system.directory.mkdir(mode=0o700)
    (system.directory / "postgresql").symlink_to(disk / "postgresql")
    try:
        start_for_clients(system)
        ids = {name: system.process_id(name) for name in SERVICES}
        with clients(system) as crew:
            with filled(disk):
                await_refusals(crew)
                check_unavailable(system)
            system.up()
            await_writes(crew)
        assert {name: system.process_id(name) for name in SERVICES} == ids
    finally:
        system.end()


def await_refusals(crew):
    """Wait until every writer repeats a request."""
    before = [writer.book.retried for writer in crew.writers]
    wait_until(
        lambda: all(writer.book.retried > count for writer, count in zip(crew.writers, before, strict=True)),
        "a full disk refuses no write",
    )
