"""Free ports of the tests."""

from __future__ import annotations

import socket

from support.http.raw_client import HOST
from support.ports import free_port, free_ports


def test_ports_differ_and_are_none_of_outgoing_connections():
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 1
    assert max(ports) < 32_768


def test_a_range_has_no_port_in_use(monkeypatch):
    first = free_ports(5)
    with socket.create_server((HOST, first + 1)):
        monkeypatch.setattr("support.ports.PORTS", range(first, first + 6))
        assert free_ports(3) == first + 2
