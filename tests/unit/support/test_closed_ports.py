"""Ports that refuse connections, and belong to no other server."""

from __future__ import annotations

import socket

import pytest

from support.closed_ports import refusing_port
from support.http.fault_server import Server
from support.http.raw_client import HOST
from support.http.scripted_server import Scripted


def check_refused(port):
    """Check that connections to a port are refused, and that no server may have it."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), 60)
    with pytest.raises(OSError, match="in use"):
        socket.create_server((HOST, port))


def test_a_refusing_port_belongs_to_no_server():
    with refusing_port() as port:
        check_refused(port)


@pytest.mark.parametrize("create", [Server, lambda: Scripted(lambda _: None)], ids=["fault", "scripted"])
def test_the_port_of_a_closed_server_belongs_to_no_other(create):
    with create() as server:
        server.close()
        server.close()
        check_refused(server.port)
