"""The server with its databases on PostgreSQL: set-up, kills, locks and outages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.server import server_commands
from support.server.server_process import ADMIN_PASSWORD, Daemon
from support.services.postgres_server import (
    NEEDS_POSTGRESQL,
    PostgresDatabases,
    PostgresServer,
    installed_binaries,
)
from support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    NEEDS_POSTGRESQL,
]


@pytest.fixture(scope="module")
def databases() -> Iterator[PostgresDatabases]:
    """Yield the databases of a server that tests of this module may stop."""
    server = PostgresServer(installed_binaries())
    try:
        yield PostgresDatabases(server)
    finally:
        server.close()


@pytest.fixture
def url(databases: PostgresDatabases, request: pytest.FixtureRequest) -> str:
    """Return a DB_URL whose databases do not exist."""
    return databases.server.url(f"t{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture
def daemon(tmp_path: Path, url: str) -> Iterator[Daemon]:
    """Yield a server on migrated databases, not started."""
    daemon = Daemon(tmp_path, environment={"DB_URL": url})
    assert run(tmp_path, url, "migrate").returncode == 0
    try:
        yield daemon
    finally:
        daemon.end()


def run(directory: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the server."""
    return server_commands.run(
        *arguments,
        "--data-dir",
        str(directory / "data"),
        environment={"DB_URL": url, "ALM_ADMIN_PASSWORD": ADMIN_PASSWORD, "PORT": "0"},
    )


def audited(wire):
    """Return the subjects of the apps whose creation is in the audit log."""
    return {entry["resource"] for entry in wire.ask("GET", "/audits?event_type=AppCreated&limit=200").json}


def test_a_server_starts_only_on_migrated_databases(tmp_path, url):
    refused = run(tmp_path, url, "serve", "all")
    assert refused.returncode == 1
    assert "_app on 127.0.0.1" in refused.stderr
    assert "does not exist or is empty" in refused.stderr
    assert "run `envmgr-alm migrate`; if DB_URL is the database of one service, pass" in refused.stderr
    for service in ("app", "version", "deployment", "audit", "gateway"):
        assert run(tmp_path, f"{url}_{service}", "migrate", "--service", service).returncode == 0
    assert "worker" in run(tmp_path, url, "serve", "all").stderr
    assert run(tmp_path, url, "migrate").returncode == 0
    daemon = Daemon(tmp_path, environment={"DB_URL": url}).start()
    try:
        assert f"data       postgresql://{url.partition('@')[2]}_*" in daemon.output
        assert daemon.stop() == 0
    finally:
        daemon.end()


def test_replicas_that_migrate_at_once_all_succeed(tmp_path, url):
    processes = [
        server_commands.launch(
            ["migrate", "--data-dir", str(tmp_path / str(number))],
            {**os.environ, "DB_URL": url},
            tmp_path / "log",
        )
        for number in range(3)
    ]
    assert [process.wait(120) for process in processes] == [0, 0, 0]


def test_acknowledged_writes_survive_a_kill_and_are_audited(daemon):
    daemon.start()
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        created = [wire.ask("POST", "/apps", {"name": f"app-{n}"}).json["id"] for n in range(20)]
    daemon.kill()
    daemon.start()
    with daemon.wire(token) as wire:
        assert {app["id"] for app in wire.ask("GET", "/apps?limit=200").json} == set(created)
        wait_until(lambda: audited(wire) == {f"app/{id_}" for id_ in created})
    assert daemon.stop() == 0


def test_a_second_server_on_the_same_databases_is_refused(daemon, tmp_path, url):
    daemon.start()
    refused = run(tmp_path / "other", url, "serve", "all")
    assert refused.returncode == 1
    assert "are in use by another server" in refused.stderr
    wait_until(daemon.is_ready)


def test_a_server_with_pending_migrations_is_not_ready(daemon, databases, url):
    daemon.start()
    name = url.rpartition("/")[2]
    for revision in ("0000", "0001"):
        databases.run(f"UPDATE alembic_version SET version_num = '{revision}'", f"{name}_version")
        with daemon.wire() as wire:
            reply = wire.ask("GET", "/readyz")
        assert reply.status == (503 if revision == "0000" else 200)
        assert ("version is at revision 0000, expected 0001" in str(reply.json)) == (revision == "0000")


def test_the_server_answers_503_while_postgresql_is_unavailable(daemon, databases):
    daemon.start()
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        assert wire.ask("POST", "/apps", {"name": "before"}).status == 201
        databases.server.stop()
        try:
            for method, path, body in (
                ("POST", "/apps", {"name": "during"}),
                ("GET", "/apps", None),
                ("GET", "/apps/1", None),
                ("GET", "/readyz", None),
            ):
                reply = wire.ask(method, path, body)
                assert reply.status == 503, (path, reply)
                assert path == "/readyz" or reply.header("retry-after")
        finally:
            databases.server.start()
        wait_until(daemon.is_ready)
        created = wait_until(lambda: wire.ask("POST", "/apps", {"name": "after"}))
        assert created.status == 201
        wait_until(lambda: len(audited(wire)) == 2)
    assert daemon.stop() == 0


def test_a_password_is_reset_and_dead_letters_are_listed_beside_the_server(daemon, tmp_path, url):
    daemon.start()
    assert daemon.stop() == 0
    reset = run(tmp_path, url, "admin", "reset-password")
    assert reset.returncode == 0, reset.stderr
    daemon.start()
    assert daemon.login(password=reset.stdout.split()[-1])
    listing = run(tmp_path, url, "dead-letters", "list")
    assert (listing.returncode, listing.stdout) == (0, "no dead letters\n")
