"""Checks of the responses to hostile requests."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from support.http.raw_client import ConnectionClosed, Wire

if TYPE_CHECKING:
    from collections.abc import Collection

    from support.http.raw_client import Reply
    from support.server.server_process import Daemon

INSIDES = (
    b"Traceback",
    b'File "',
    b"site-packages",
    b".py",
    b"envmgr.server",
    b"sqlite",
    b"SELECT ",
    b"INSERT ",
    b"msgspec",
    b"litestar",
    b"RecursionError",
    b"object at 0x",
)
"""Implementation details that no response may contain."""


def check_refused(daemon: Daemon, reply: Reply, expected: Collection[int]) -> None:
    """Check that a request was refused with a problem document, and that the server still responds."""
    check_discreet(reply)
    assert reply.status in expected, (reply, reply.text)
    assert reply.header("content-type") == "application/problem+json", (reply, reply.text)
    document = reply.json
    assert document["status"] == reply.status
    assert document["type"].startswith("/problems/")
    assert document["title"]
    assert document["detail"]
    check_lives(daemon)


def check_discreet(reply: Reply) -> None:
    """Check that a response reveals no implementation details."""
    visible = reply.body + "\n".join(f"{name}: {value}" for name, value in reply.headers).encode("latin-1")
    for word in INSIDES:
        assert word.lower() not in visible.lower(), (word, reply, reply.text)
    assert reply.status < 500 or reply.status == 503, (reply, reply.text)


def check_lives(daemon: Daemon) -> None:
    """Check that the server responds to other clients."""
    assert daemon.is_running, daemon.output[-3000:]
    with daemon.wire() as wire:
        assert wire.ask("GET", "/healthz").status == 200


def send_raw(daemon: Daemon, content: bytes, *, timeout: float = 15) -> Reply | None:
    """Send raw bytes and return the response; None if the connection ends without one."""
    with Wire(daemon.port, timeout=timeout) as wire:
        with suppress(ConnectionClosed):  # the server may respond before it has read everything
            wire.send(content)
        try:
            return wire.reply()
        except ConnectionClosed:
            return None


def raw(token: str, first: str, *headers: str, body: bytes = b"") -> bytes:
    """Return the raw request with this first line and these headers, valid or not."""
    lines = [first, "Host: x", f"Authorization: Bearer {token}", *headers, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def unique_name(kind: str = "app") -> str:
    """Return an unused name."""
    return f"{kind}-{uuid.uuid4().hex[:12]}"
