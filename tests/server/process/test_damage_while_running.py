"""Databases damaged while the server runs: each request names the cure, and the log the file."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.server.server_process import ADMIN_PASSWORD, Daemon
from support.services.database_runners import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(DATABASE != "sqlite", reason="a file of SQLite is damaged"),
]
DEADLINE_SECONDS = 60


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Yield a server that runs with an app."""
    daemon = Daemon(tmp_path).start()
    try:
        with daemon.wire(daemon.login()["access_token"]) as wire:
            assert wire.ask("POST", "/apps", {"name": "shop"}).status == 201
        yield daemon
    finally:
        daemon.end()


def damage(path: Path) -> None:
    """Overwrite all pages of a database, whose log is first copied into it."""
    with closing(sqlite3.connect(path, timeout=DEADLINE_SECONDS)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def require_refusal(daemon: Daemon, reply) -> None:
    """Check that a response contains the cure and nothing of the file."""
    assert reply.status == 503, reply.text
    assert reply.header("retry-after") == "60"
    document = reply.json
    assert document["type"] == "/problems/service-unavailable"
    assert document["detail"].startswith("the database is damaged; ")
    assert "restore" in document["detail"]
    assert str(daemon.root) not in reply.text
    assert ".db" not in reply.text


def log_events(daemon: Daemon, name: str) -> list[dict[str, object]]:
    """Return the log's events of a name."""
    lines = [line for line in daemon.output.splitlines() if line.startswith("{")]
    return [event for event in map(json.loads, lines) if event["event"] == name]


def await_event(daemon: Daemon, name: str) -> dict[str, object]:
    """Wait for an event in the log and return it."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not (events := log_events(daemon, name)):
        assert time.monotonic() < end, daemon.output[-4000:]
        time.sleep(0.1)
    return events[0]


def require_named_file(daemon: Daemon, path: Path, request_id: str | None) -> None:
    """Check that the log names the file and the cure, and has no traceback."""
    events = [event for event in log_events(daemon, "database_damaged") if event["request_id"] == request_id]
    assert [event["database"] for event in events] == [str(path)]
    assert "restore" in str(events[0]["hint"])
    assert "unhandled_exception" not in daemon.output
    assert "Traceback" not in daemon.output


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [("GET", "/apps", None), ("GET", "/apps/shop", None), ("POST", "/apps", {"name": "two"})],
)
def test_a_request_that_uses_the_database_is_refused(
    daemon: Daemon, method: str, target: str, body: object
) -> None:
    token = daemon.login()["access_token"]
    damage(daemon.data / "app.db")
    with daemon.wire(token) as wire:
        reply = wire.ask(method, target, body)
        require_refusal(daemon, reply)
        require_named_file(daemon, daemon.data / "app.db", reply.header("x-request-id"))
        other = wire.ask("GET", "/auth/me")
    assert other.status == 200, other.text


@pytest.mark.parametrize("target", ["/apps", "/nothing"])
def test_a_request_is_refused_when_its_credential_cannot_be_read(daemon: Daemon, target: str) -> None:
    token = daemon.login()["access_token"]
    damage(daemon.data / "gateway.db")
    with daemon.wire(token) as wire:
        reply = wire.ask("GET", target)
    require_refusal(daemon, reply)
    require_named_file(daemon, daemon.data / "gateway.db", reply.header("x-request-id"))


def test_a_sign_in_is_refused(daemon: Daemon) -> None:
    damage(daemon.data / "gateway.db")
    with daemon.wire("") as wire:
        reply = wire.ask("POST", "/auth/login", {"username": "admin", "password": ADMIN_PASSWORD})
    require_refusal(daemon, reply)
    require_named_file(daemon, daemon.data / "gateway.db", reply.header("x-request-id"))


def test_a_denial_that_cannot_be_recorded_is_refused(daemon: Daemon) -> None:
    damage(daemon.data / "gateway.db")
    with daemon.wire("") as wire:
        reply = wire.ask("GET", "/apps")
    require_refusal(daemon, reply)
    require_named_file(daemon, daemon.data / "gateway.db", reply.header("x-request-id"))


def test_the_relay_names_the_file_and_the_cure(daemon: Daemon) -> None:
    path = daemon.data / "app.db"
    damage(path)
    error = str(await_event(daemon, "outbox_relay_failed")["error"])
    assert str(path) in error
    assert "restore" in error


def test_a_runner_of_jobs_names_the_file_and_the_cure(daemon: Daemon) -> None:
    path = daemon.data / "audit.db"
    damage(path)
    error = str(await_event(daemon, "job_claim_failed")["error"])
    assert str(path) in error
    assert "restore" in error
