"""A server with a full disk or a read-only database: not ready, errors as problems, and recovery."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from support.machine import limited_mounts as mounts
from support.server.server_commands import launch_in_new_interpreter
from support.server.server_process import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.http.raw_client import Reply, Wire

pytestmark = mounts.needs_mounts()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Daemon]]:
    daemons: list[Daemon] = []

    def create(mounting: str) -> Daemon:
        daemons.append(
            Daemon(tmp_path, launch=partial(launch_in_new_interpreter, prefix=mounts.prefix(mounting)))
        )
        return daemons[-1]

    yield create
    for daemon in daemons:
        daemon.end()


def fill(directory: Path) -> Path:
    """Write a file until the file system has no room."""
    filler = directory / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def write_until_refused(wire: Wire) -> Reply:
    """Create apps until one is rejected, as the remaining write-ahead log accepts some."""
    for number in range(2000):
        reply = wire.ask("POST", "/apps", {"name": f"filling-{number}", "description": "x" * 4000})
        if reply.status != 201:
            return reply
    raise AssertionError("the disk is never full")


def await_reply(wire: Wire, target: str, is_expected: Callable[[Reply], bool]) -> Reply:
    end = time.monotonic() + 20
    while not is_expected(reply := wire.ask("GET", target)) and time.monotonic() < end:
        time.sleep(0.05)
    return reply


def assert_unavailable(reply: Reply) -> None:
    assert reply.status == 503, reply
    assert reply.header("content-type") == "application/problem+json"
    assert reply.header("retry-after")


def test_a_full_disk_makes_the_server_unready_until_there_is_room(small_disk, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    daemon = small_disk(mounts.full(data, "32m")).start()
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        filler = fill(daemon.visible_data)
        assert_unavailable(write_until_refused(wire))
        not_ready = await_reply(wire, "/readyz", lambda reply: b"disk is full" in reply.body)
        assert_unavailable(not_ready)
        assert wire.ask("GET", "/apps").status == 200
        metrics = wire.ask("GET", "/metrics").body.decode()
        assert 'alm_http_requests_total{method="POST",route="/apps",status="503"}' in metrics
        assert 'status="500"' not in metrics
        os.unlink(filler)
        assert await_reply(wire, "/readyz", lambda reply: reply.status == 200).status == 200
        assert wire.ask("POST", "/apps", {"name": "after"}).status == 201


@pytest.mark.slow
def test_a_denial_that_the_full_disk_cannot_record_is_a_problem(small_disk, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    daemon = small_disk(mounts.full(data, "32m")).start()
    with daemon.wire() as wire:
        fill(daemon.visible_data)
        replies = [wire.ask("GET", "/apps") for _ in range(1500)]
    assert {reply.status for reply in replies} <= {401, 503}
    assert {reply.header("content-type") for reply in replies} == {"application/problem+json"}
    assert_unavailable(replies[-1])


@pytest.mark.slow
@pytest.mark.parametrize("service", ["app", "worker"])
def test_a_database_that_is_read_only_makes_the_server_unready(small_disk, tmp_path, service):
    first = Daemon(tmp_path).start()
    token = first.login()["access_token"]
    first.stop()
    daemon = small_disk(mounts.read_only(first.data / f"{service}.db"))
    daemon.launch()
    daemon.await_alive()
    with daemon.wire(token) as wire:
        not_ready = wire.ask("GET", "/readyz")
        assert_unavailable(not_ready)
        assert f"database of {service}" in not_ready.json["detail"]
        assert "readonly" in not_ready.json["detail"]
        assert wire.ask("GET", "/apps").status == 200
