"""A server whose databases can be copied and put back one by one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from support.server import server_commands
from support.server.server_process import ADMIN_PASSWORD, Daemon
from support.services.database_runners import postgres_databases, postgres_server_url

if TYPE_CHECKING:
    from pathlib import Path

COMMAND_TIMEOUT_SECONDS = 120


def verify_audit(daemon: Daemon, token: str, *arguments: str) -> tuple[int, dict[str, object]]:
    """Run `envmgr alm audit --verify`; return its exit code and its report."""
    result = subprocess.run(
        [sys.executable, "-m", "envmgr", "alm", "audit", "--verify", "--json", *arguments],
        env={
            **os.environ,
            "ENVMGR_HOME": str(daemon.root / "home"),
            "ENVMGR_ALM_URL": f"http://127.0.0.1:{daemon.port}",
            "ENVMGR_ALM_TOKEN": token,
        },
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_SECONDS,
        check=False,
    )
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)["verdict"]


class SqliteInstallation:
    """A server with files in its data directory."""

    environment: dict[str, str]

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {}
        self.daemon = Daemon(root)

    def copy(self, service: str) -> None:
        """Copy the database of a service; the server is stopped."""
        self._copies.mkdir(exist_ok=True)
        shutil.copy(self.daemon.data / f"{service}.db", self._copies)

    def put_back(self, service: str) -> None:
        """Replace the database of a service by its copy; the server is stopped."""
        shutil.copy(self._copies / f"{service}.db", self.daemon.data / f"{service}.db")

    def execute(self, service: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement in a service's database; return its rows."""
        path = self.daemon.data / f"{service}.db"
        with closing(sqlite3.connect(path, timeout=COMMAND_TIMEOUT_SECONDS)) as connection, connection:
            return connection.execute(statement).fetchall()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the server."""
        return server_commands.run(
            *arguments,
            "--data-dir",
            str(self.daemon.data),
            environment={"ALM_ADMIN_PASSWORD": ADMIN_PASSWORD, "PORT": "0", **self.environment},
        )

    def verify(self, token: str, *arguments: str) -> tuple[int, dict[str, object]]:
        """Verify the audit log; return the exit code and the report."""
        return verify_audit(self.daemon, token, *arguments)

    @property
    def _copies(self) -> Path:
        return self.root / "copies"


class PostgresInstallation(SqliteInstallation):
    """A server with databases on PostgreSQL."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.environment = {"DB_URL": postgres_server_url(root)}
        self.daemon = Daemon(root, environment=self.environment)
        self._prefix = self.environment["DB_URL"].rpartition("/")[2]

    def copy(self, service: str) -> None:
        """Copy the database of a service; the server is stopped."""
        postgres_databases().copy(f"{self._prefix}_{service}")

    def put_back(self, service: str) -> None:
        """Replace the database of a service by its copy; the server is stopped."""
        postgres_databases().put_back(f"{self._prefix}_{service}")

    def execute(self, service: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement in a service's database; return its rows."""
        return postgres_databases().run(statement, f"{self._prefix}_{service}")
