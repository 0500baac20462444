"""The documented backup of databases on PostgreSQL: its commands, run as they are written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.server.installations import PostgresInstallation
from support.services.database_runners import postgres_databases
from support.services.postgres_server import NEEDS_POSTGRESQL, installed_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    NEEDS_POSTGRESQL,
]
GUIDE = Path(__file__).parents[3] / "docs" / "server.md"
COMMAND_TIMEOUT_SECONDS = 240
SERVICES = ("app", "version", "deployment", "audit", "gateway", "worker")


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[PostgresInstallation]:
    installation = PostgresInstallation(tmp_path)
    yield installation
    installation.daemon.end()


def documented(program: str) -> str:
    """Return the commands of the guide that use a program."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (block,) = (block for block in blocks if program in block)
    return block


def run(commands: str, directory: Path, prefix: str) -> None:
    """Run documented commands against the server of the tests."""
    port = postgres_databases().server.port
    commands = commands.replace("alm_owner@db.example/alm_", f"alm@127.0.0.1:{port}/{prefix}_")
    commands = commands.replace("--host=db.example --username=alm_owner", f"-h 127.0.0.1 -p {port} -U alm")
    commands = commands.replace('"alm_$service"', f'"{prefix}_$service"')
    assert "db.example" not in commands
    subprocess.run(
        ["sh", "-euc", commands],
        cwd=directory,
        env={**os.environ, "PATH": f"{installed_binaries()}:{os.environ['PATH']}"},
        timeout=COMMAND_TIMEOUT_SECONDS,
        check=True,
    )


def test_the_documented_dumps_restore_a_server(installation, tmp_path):
    daemon = installation.daemon
    prefix = installation.environment["DB_URL"].rpartition("/")[2]
    token = daemon.start().login()["access_token"]
    with daemon.wire(token) as wire:
        for number in range(5):
            assert wire.ask("POST", "/apps", {"name": f"app-{number}", "version": "1.0.0"}).status == 201
    daemon.settle(token)
    assert daemon.stop() == 0
    run(documented("pg_dump "), tmp_path, prefix)
    for service in SERVICES:
        postgres_databases().run(f'DROP DATABASE "{prefix}_{service}" WITH (FORCE)')
    run(documented("pg_restore "), tmp_path, prefix)

    token = daemon.start().login()["access_token"]
    with daemon.wire(token) as wire:
        assert len(wire.ask("GET", "/apps").json) == 5
        assert wire.ask("POST", "/apps", {"name": "after"}).json["id"] == 6
    daemon.settle(token)
    code, report = installation.verify(token)
    assert (code, report["findings"], report["recorded_gaps"]) == (0, [], [])
    with pytest.raises(Exception, match=r"append-only|permission denied"):
        installation.execute("audit", "DELETE FROM entry")
