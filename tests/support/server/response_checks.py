"""What must be true of every answer to a hostile request."""

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
"""What no answer may show of how the server is made."""


def check_refused(daemon: Daemon, reply: Reply, expected: Collection[int]) -> None:
    """Hold that a request was refused as it should, in the form of all problems, and that the server lives."""
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
    """Hold that an answer shows nothing of the server's insides."""
    visible = reply.body + "\n".join(f"{name}: {value}" for name, value in reply.headers).encode("latin-1")
    for word in INSIDES:
        assert word.lower() not in visible.lower(), (word, reply, reply.text)
    assert reply.status < 500 or reply.status == 503, (reply, reply.text)


def check_lives(daemon: Daemon) -> None:
    """Hold that the server answers others."""
    assert daemon.alive, daemon.output[-3000:]
    with daemon.wire() as wire:
        assert wire.ask("GET", "/healthz").status == 200


def send_raw(daemon: Daemon, content: bytes, *, timeout: float = 15) -> Reply | None:
    """Send bytes as they are, and return the answer; None where the connection ends without one."""
    with Wire(daemon.port, timeout=timeout) as wire:
        with suppress(ConnectionClosed):  # it may have answered before all was sent
            wire.send(content)
        try:
            return wire.reply()
        except ConnectionClosed:
            return None


def raw(token: str, first: str, *headers: str, body: bytes = b"") -> bytes:
    """Spell a request from its first line and headers, whatever they are."""
    lines = [first, "Host: x", f"Authorization: Bearer {token}", *headers, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def named(kind: str = "app") -> str:
    """Return a name that nothing has yet."""
    return f"{kind}-{uuid.uuid4().hex[:12]}"
