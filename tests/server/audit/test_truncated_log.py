"""A server with a truncated audit log reports it and continues to work."""

from __future__ import annotations

import json
import sqlite3

import pytest

from support.server.server_process import Daemon
from support.services.database_runners import reads_sqlite_file
from support.waiting import wait_until


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    try:
        yield daemon.start()
    finally:
        daemon.end()


def cut(path, entries):
    """Delete the newest entries and every checkpoint, as the owner of the file can."""
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("DELETE FROM checkpoint")
        connection.execute("DELETE FROM entry WHERE seq > (SELECT max(seq) FROM entry) - ?", (entries,))
    connection.close()


def only_failure(wire):
    """Return the only check that fails, or None if others do: on a busy machine, a check may time out."""
    ready = wire.ask("GET", "/readyz")
    assert ready.status == 503
    failures = [check for check in ready.json["checks"] if not check["ok"]]
    return failures[0] if len(failures) == 1 else None


@reads_sqlite_file
def test_a_truncated_log_is_reported_and_the_server_continues(daemon):
    with daemon.wire(daemon.login()["access_token"]) as wire:
        for n in range(3):
            assert wire.ask("POST", "/apps", {"name": f"app-{n}"}).status == 201
        assert "\nalm_audit_truncated 0.0" in wire.ask("GET", "/metrics").body.decode()
    assert daemon.stop() == 0
    assert "audit_log_truncated" not in daemon.output
    cut(daemon.data / "audit.db", 2)
    daemon.launch()
    daemon.await_alive()
    warnings = [json.loads(line) for line in daemon.output.splitlines() if "audit_log_truncated" in line]
    assert warnings[0]["level"] == "error"
    with daemon.wire(daemon.login()["access_token"]) as wire:
        assert wire.ask("POST", "/apps", {"name": "later"}).status == 201
        audit = wait_until(lambda: only_failure(wire))
        assert audit["name"] == "audit"
        assert "entries present" in audit["detail"]
        assert "restore the audit database from a complete copy" in audit["detail"]
        assert "\nalm_audit_truncated 1.0" in wire.ask("GET", "/metrics").body.decode()
