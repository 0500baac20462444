"""Databases of different times: rejected at start with a hint, and reported while the server runs."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.matrices import sample
from support.server import server_commands
from support.server.server_process import Daemon
from support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

SERVICES = ("app", "version", "deployment", "audit", "gateway", "worker")


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return copies of one server's data: an older one, and one with more apps, versions and users."""
    root = tmp_path_factory.mktemp("consistent")
    daemon = Daemon(root)
    try:
        register(daemon.start(), "first")
        daemon.stop()
        older = shutil.copytree(daemon.data, root / "older")
        register(daemon.start(), "second")
        daemon.stop()
    finally:
        daemon.end()
    return older, daemon.data


def register(daemon: Daemon, name: str) -> None:
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        app = wire.ask("POST", "/apps", {"name": name}).json["id"]
        version = wire.ask("POST", "/versions", {"app_id": app, "tag": "1.0.0"})
        assert version.status == 201, version
        body = {"version_id": version.json["id"], "environment": "prod"}
        assert wire.ask("POST", "/deployments", body).status == 201
        user = {"username": name, "password": "correct horse battery staple", "role": "user"}
        assert wire.ask("POST", "/users", user).status == 201
    daemon.settle(token)


@pytest.fixture
def data(copies: tuple[Path, Path], tmp_path: Path) -> Path:
    return shutil.copytree(copies[1], tmp_path / "data")


def server(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the server that exits by itself."""
    return server_commands.run(*arguments, "--data-dir", str(data))


def assert_refused(result: subprocess.CompletedProcess[str], name: str) -> None:
    assert result.returncode == 1, result
    assert name in result.stderr
    assert "restore all databases from one backup" in result.stderr
    assert "password" not in result.stdout


@pytest.mark.parametrize("service", sample(SERVICES, every=3))
def test_a_removed_database_is_not_created_again(data, service):
    (data / f"{service}.db").unlink()
    assert_refused(server(data, "serve", "all", "--port", "0"), f"{service}.db")
    assert_refused(server(data, "migrate"), f"{service}.db")
    assert not (data / f"{service}.db").exists()


@pytest.mark.parametrize("service", ["app", "gateway"])
def test_an_empty_database_is_rejected(data, service):
    (data / f"{service}.db").write_bytes(b"")
    assert_refused(server(data, "serve", "all", "--port", "0"), f"{service}.db")


@pytest.mark.parametrize("service", sample(SERVICES, every=3))
def test_an_older_copy_of_a_database_is_rejected(copies, data, service):
    shutil.copy(copies[0] / f"{service}.db", data / f"{service}.db")
    assert_refused(server(data, "serve", "all", "--port", "0"), f"the database of {service}")


def test_a_new_gateway_beside_data_creates_no_admin(data, tmp_path):
    assert server(tmp_path / "new", "migrate").returncode == 0
    shutil.copy(tmp_path / "new" / "gateway.db", data / "gateway.db")
    assert_refused(server(data, "serve", "all", "--port", "0"), "the database of gateway")
    with closing(sqlite3.connect(data / "gateway.db")) as connection:
        assert connection.execute("SELECT count(*) FROM user").fetchone() == (0,)


@pytest.fixture
def running(data: Path) -> Iterator[Daemon]:
    daemon = Daemon(data.parent)
    yield daemon.start()
    daemon.end()


def failing_checks(daemon: Daemon) -> dict[str, str]:
    with daemon.wire() as wire:
        ready = wire.ask("GET", "/readyz")
    assert ready.status == 503
    return {check["name"]: check["detail"] for check in ready.json["checks"] if not check["ok"]}


def await_failure(daemon: Daemon, name: str, text: str) -> str:
    """Wait until a check fails with a text; return its details.

    On a busy machine, it may time out first.
    """

    def failure() -> str:
        detail = failing_checks(daemon).get(name, "")
        return detail if text in detail else ""

    return wait_until(failure, f"the check {name} does not fail with `{text}`")


def test_a_database_that_is_removed_from_a_running_server_is_reported(running):
    (running.data / "app.db").unlink()
    detail = await_failure(running, "disk", "app.db was removed or replaced")
    assert "restore all databases from one backup" in detail


OLDER_STATES = {
    **dict.fromkeys(
        ("app", "version", "deployment", "gateway"),
        "UPDATE outbox_head SET sequence = 1, acknowledged_sequence = 1",
    ),
    **dict.fromkeys(("audit", "worker"), "UPDATE consumer_offset SET sequence = 1"),
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_database_that_becomes_older_while_the_server_runs_is_reported(running, service):
    with closing(sqlite3.connect(running.data / f"{service}.db", timeout=60)) as connection, connection:
        assert connection.execute(OLDER_STATES[service]).rowcount >= 1
    detail = await_failure(running, "consistency", f"the database of {service} ")
    assert "restore all databases from one backup" in detail
