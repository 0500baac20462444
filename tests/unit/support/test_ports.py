"""Free ports of the tests."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support import ports
from support.http.raw_client import HOST
from support.ports import free_port, free_ports

TESTS = Path(__file__).parents[2]


@pytest.fixture
def only(monkeypatch):
    """Return a function that leaves a number of ports, which are free, and returns the first."""

    def only(count):
        first = free_ports(count)
        ports._TAKEN.difference_update(range(first, first + count))
        monkeypatch.setattr(ports, "PORTS", range(first, first + count + 1))
        return first

    return only


def test_ports_are_none_of_outgoing_connections():
    assert max(free_port() for _ in range(20)) < 32_768


def test_a_range_has_no_port_in_use(only):
    first = only(5)
    with socket.create_server((HOST, first + 1)):
        assert free_ports(3) == first + 2


def test_no_port_is_returned_twice(only):
    first = only(5)
    assert sorted(free_port() for _ in range(5)) == [*range(first, first + 5)]
    with pytest.raises(RuntimeError, match="no free ports"):
        free_port()


@pytest.mark.skipif(sys.platform == "win32", reason="the processes of tests share no locks there")
def test_a_port_of_another_process_is_not_returned_before_that_ends(monkeypatch):
    code = "import sys; from support.ports import free_port; print(free_port(), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TESTS) as other:
        port = int(other.stdout.readline())
        monkeypatch.setattr(ports, "PORTS", range(port, port + 2))
        with pytest.raises(RuntimeError, match="no free ports"):
            free_port()
        other.stdin.close()
        assert other.wait(60) == 0
        assert free_port() == port
