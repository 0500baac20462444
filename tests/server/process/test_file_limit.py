"""A server at its limit of open files: temporarily unavailable, and it recovers."""

from __future__ import annotations

import os
import resource
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from support.http.raw_client import HOST
from support.server.server_commands import launch_in_new_interpreter
from support.server.server_process import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.http.raw_client import Reply, Wire

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc and prlimit")
IDLE = 300


@pytest.fixture
def server(tmp_path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    yield daemon.start()
    daemon.end()


def ask_all(wires: list[Wire], target: str) -> list[Reply]:
    """Send a request on every connection at once, so that idle reader threads must start."""
    with ThreadPoolExecutor(len(wires)) as pool:
        return [reply for _ in range(5) for reply in pool.map(lambda wire: wire.ask("GET", target), wires)]


def test_reads_without_a_file_descriptor_are_unavailable_and_recover(server):
    token = server.login()["access_token"]
    wires = [server.wire(token) for _ in range(6)]
    try:
        assert {wire.ask("GET", "/auth/keys").status for wire in wires} == {200}
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.open_files, 4096))
        while_full = [
            reply
            for target in ("/apps", "/versions", "/deployments", "/audits")
            for reply in ask_all(wires, target)
        ]
        assert {reply.status for reply in while_full} == {200, 503}
        for reply in while_full:
            if reply.status == 503:
                assert reply.header("content-type") == "application/problem+json"
                assert reply.header("retry-after")
                assert "unable to open database file" in reply.json["detail"]
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (4096, 4096))
        targets = ("/apps", "/versions", "/deployments", "/audits", "/readyz")
        assert {reply.status for target in targets for reply in ask_all(wires, target)} == {200}
        metrics = wires[0].ask("GET", "/metrics").body.decode()
        assert 'status="503"' in metrics
        assert 'status="500"' not in metrics
    finally:
        for wire in wires:
            wire.close()


def test_idle_connections_leave_descriptors_for_the_databases(tmp_path):
    limited = ("sh", "-c", 'ulimit -n 200; exec "$0" "$@"')
    daemon = Daemon(tmp_path, launch=partial(launch_in_new_interpreter, prefix=limited))
    idle: list[socket.socket] = []
    try:
        daemon.start()
        assert "connection_limit_lowered" in daemon.output
        token = daemon.login()["access_token"]
        idle += [socket.create_connection((HOST, daemon.port)) for _ in range(IDLE)]
        with daemon.wire(token) as wire:
            replies = [wire.ask("GET", target) for target in ("/apps", "/audits", "/readyz")]
        assert [reply.status for reply in replies] == [200, 200, 200]
    finally:
        for connection in idle:
            connection.close()
        daemon.end()
