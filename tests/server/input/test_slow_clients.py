"""Slow, silent, many and disconnected clients: they cost little, and others are served meanwhile."""

from __future__ import annotations

import json
import socket
import time
import uuid
from contextlib import ExitStack, suppress

import pytest

from support.http.raw_client import HOST, ConnectionClosed, Wire
from support.server.response_checks import check_discreet, check_lives, check_refused

IDLE = 1000
TIMEOUT_SECONDS = 30
"""Longer than the server's timeouts for a head (10 s) and a part of a body (20 s)."""
SPARE = 64 * 2**20


def head(token, *headers, method="POST", target="/apps"):
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *headers, "", ""]
    return "\r\n".join(lines).encode()


JSON = "Content-Type: application/json"


@pytest.mark.slow
def test_an_unfinished_request_times_out_while_others_are_served(daemon, admin):
    with ExitStack() as stack:
        unfinished = [
            b"GET /apps HTTP/1.1\r\nHost: x\r\n",
            b"G",
            b"",
            head(admin, JSON, "Content-Length: 100") + b'{"name"',
            head(admin, JSON, "Transfer-Encoding: chunked") + b"5\r\nab",
            head(admin, JSON, "Transfer-Encoding: chunked") + b"5\r\nabcde\r\n",
            head("none", JSON, "Content-Length: 100", target="/auth/login"),
        ]
        wires = [stack.enter_context(Wire(daemon.port, timeout=TIMEOUT_SECONDS)) for _ in unfinished]
        for wire, content in zip(wires, unfinished, strict=True):
            wire.send(content)
        trickle = stack.enter_context(Wire(daemon.port, timeout=TIMEOUT_SECONDS))
        trickle.send(b"GET /apps HTTP/1.1\r\n")
        end = time.monotonic() + TIMEOUT_SECONDS
        with suppress(ConnectionClosed):
            while time.monotonic() < end:
                trickle.send(b"X-Header: a\r\n")
                check_lives(daemon)
                time.sleep(0.5)
        for wire in [*wires, trickle]:
            with suppress(ConnectionClosed):
                check_refused(daemon, wire.reply(), {408, 400, 401})
            assert wire.read_remaining() == b""


def test_a_half_closed_request_is_still_answered(daemon, admin):
    with Wire(daemon.port) as wire:
        wire.send(head(admin, method="GET"))
        wire.socket.shutdown(socket.SHUT_WR)
        with suppress(ConnectionClosed):
            assert wire.reply().status == 200
    check_lives(daemon)


def test_a_client_that_disconnects_early_causes_no_error(daemon, admin):
    for _ in range(200):
        wire = Wire(daemon.port)
        wire.send(head(admin, method="GET", target="/apps?limit=200"))
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.close()
    check_lives(daemon)
    assert "Traceback" not in daemon.output


def test_a_request_completes_after_its_client_disconnects(daemon, admin):
    names = [f"app-{uuid.uuid4().hex[:12]}" for _ in range(20)]
    for name in names:
        body = json.dumps({"name": name}).encode()
        with Wire(daemon.port) as wire:
            wire.send(head(admin, JSON, f"Content-Length: {len(body)}") + body)
    daemon.settle(admin)
    with daemon.wire(admin) as wire:
        for name in names:
            result = wire.ask("GET", f"/apps/{name}").status == 200
            newest = wire.ask("GET", "/audits?event_type=AppCreated&limit=200").json
            entries = [entry for entry in newest if entry["payload"]["name"] == name]
            assert len(entries) == result


@pytest.mark.slow
def test_a_thousand_silent_connections_do_not_block_others(daemon, admin):
    resident = daemon.resident
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection((HOST, daemon.port), 10)) for _ in range(IDLE)]
        start = time.monotonic()
        for _ in range(20):
            check_lives(daemon)
        with daemon.wire(admin) as wire:
            assert wire.ask("GET", "/apps").status == 200
        assert time.monotonic() - start < 10
        assert len(silent) == IDLE
        assert daemon.resident - resident < SPARE
    check_lives(daemon)


def test_a_client_that_reads_nothing_does_not_fill_the_memory(daemon, admin):
    resident = daemon.resident
    with Wire(daemon.port, timeout=2) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = head(admin, method="GET", target="/openapi.json")
        with suppress(ConnectionClosed, TimeoutError):
            for _ in range(3000):
                wire.send(request)
    check_lives(daemon)
    assert daemon.resident - resident < SPARE


def test_secrets_are_neither_logged_nor_returned(daemon, admin):
    secret = f"hunter2-{uuid.uuid4().hex}"
    with daemon.wire(secret) as wire:
        for method, target, body in (
            ("GET", "/apps", None),
            ("GET", f"/apps?access_token={secret}", None),
            ("POST", "/auth/login", {"username": "admin", "password": secret}),
            ("POST", "/auth/login", {"username": secret, "password": secret}),
            ("POST", "/auth/login", {"username": "admin", "passwrod": secret}),
            ("POST", "/auth/refresh", {"refresh_token": secret}),
            ("POST", "/auth/token", {"subject_token": secret}),
        ):
            reply = wire.ask(method, target, body, {"Cookie": f"a={secret}", "Idempotency-Key": secret})
            check_discreet(reply)
            assert secret.encode() not in reply.body
    daemon.settle(admin)
    assert secret not in daemon.output
    assert admin not in daemon.output
    for file in daemon.data.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file.name
