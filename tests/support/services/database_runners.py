"""Database runners by name, and databases that run units of work twice or interleaved."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import asynccontextmanager, suppress
from functools import cache
from unittest.mock import patch

import pytest
from sqlalchemy.util.concurrency import await_

from envmgr.server.bootstrap.registry import SERVICES
from envmgr.server.kit.common.problems import Problem
from envmgr.server.kit.db.migrations import upgrade
from envmgr.server.kit.db.postgresql import driver
from envmgr.server.kit.db.postgresql.database import MAX_WRITERS, PostgresDatabase
from envmgr.server.kit.db.postgresql.target import PostgresTarget
from envmgr.server.kit.db.sqlite import SqliteDatabase
from envmgr.server.kit.db.sqlite_file import SqliteFile
from envmgr.server.kit.messaging import event_numbering
from support.services.event_recorders import wait_until
from support.services.postgres_server import (
    START_TIMEOUT_SECONDS,
    PostgresDatabases,
    installed_binaries,
    shared_server,
)


def sqlite_database(directory, module):
    """Open a service's migrated SQLite database in a directory."""
    path = str(directory / f"{module.NAME}.db")
    upgrade(SqliteFile(path), module.MIGRATIONS, module.HEAD)
    return SqliteDatabase(path, module.NAME, event_numbering.append)


@asynccontextmanager
async def open_sqlite(directory, module):
    """Open a service's SQLite database, and close it at the end."""
    database = sqlite_database(directory, module)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_postgres(directory, module):
    """Open a service's PostgreSQL database, and close it; the same directory has the same database."""
    url = await asyncio.to_thread(postgres_url, directory, module)
    database = PostgresDatabase(
        url, module.NAME, event_numbering.append_unnumbered, event_numbering.number_events
    )
    try:
        yield database
    finally:
        await database.close()


def postgres_url(directory, module):
    """Return the URL of a service's migrated database, created on the first call for a directory."""
    return create_postgres_database(directory, module, _template(module))


def create_postgres_database(directory, module, template):
    """Create a directory's database as a copy of another, unless it exists; return its URL."""
    name = f"{module.NAME}_{hashlib.sha256(str(directory).encode()).hexdigest()[:16]}"
    databases = postgres_databases()
    databases.create(name, template)
    return databases.server.url(name)


def postgres_server_url(directory):
    """Return the DB_URL of a server; the first call creates its migrated databases."""
    prefix = f"alm_{hashlib.sha256(str(directory).encode()).hexdigest()[:16]}"
    databases = postgres_databases()
    for service in SERVICES:
        databases.create(f"{prefix}_{service.NAME}", _template(service))
    return databases.server.url(prefix)


@cache
def postgres_databases():
    """Return the databases of this process's server."""
    return PostgresDatabases(shared_server())


@cache
def _template(module):
    """Return a migrated database of a service, which others are copied from."""
    name = f"template_{module.NAME}"
    databases = postgres_databases()
    databases.create(name)
    with patch.object(driver, "CONNECT_TIMEOUT_SECONDS", START_TIMEOUT_SECONDS):
        upgrade(PostgresTarget(databases.server.url(name)), module.MIGRATIONS, module.HEAD)
    return name


RUNNERS = {"sqlite": open_sqlite, **({"postgresql": open_postgres} if installed_binaries() else {})}
"""Openers of databases by runner: `runner(directory, module)`; the contract tests run for all."""


DATABASE = os.environ.get("ENVMGR_TEST_DATABASE", "sqlite")
"""The runner that the tests of services use, read once: tests run in an environment of their own."""
open_database = RUNNERS[DATABASE]
reads_sqlite_file = pytest.mark.skipif(DATABASE != "sqlite", reason="the test reads the file of the database")
"""Mark of a test that looks into the file of a SQLite database."""


class _RolledBack(Exception):
    """Roll back a unit that succeeded."""


class _Delegate:
    """A database that delegates to another one."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


class RerunningDatabase(_Delegate):
    """Runs each unit of work twice and rolls the first run back, which services must not depend on."""

    async def write(self, work):
        with suppress(Exception):  # the second run raises it again
            await self._inner.write(_rolled_back(work))
        return await self._inner.write(work)


def _rolled_back(work):
    def unit(transaction):
        work(transaction)
        raise _RolledBack

    return unit


class Captured(Exception):
    """Carries a captured unit of work."""

    def __init__(self, unit):
        super().__init__()
        self.unit = unit


class CapturingDatabase(_Delegate):
    """Raises each unit of work as Captured, instead of running it."""

    async def write(self, work):
        raise Captured(work)


class InterleavingDatabase(_Delegate):
    """Runs another unit before a statement of each unit, as READ COMMITTED allows."""

    def __init__(self, inner, other, position):
        super().__init__(inner)
        self._other = other
        self._position = position
        self.has_interleaved = False
        self.result = None
        """The result of the other unit, or None if it raised a problem."""

    async def write(self, work):
        return await self._inner.write(lambda transaction: work(_Interleaved(self, transaction)))

    def before_statement(self, transaction, number):
        """Run the other unit before the configured statement."""
        if number == self._position and not self.has_interleaved:
            self.has_interleaved = True
            with suppress(Problem):
                self.result = self._other(transaction)


class _Interleaved:
    def __init__(self, database, transaction):
        self._database = database
        self._transaction = transaction
        self._number = 0
        self.now = transaction.now
        self.emit = transaction.emit
        self.share = transaction.share
        self.wake_jobs = transaction.wake_jobs

    def __getattr__(self, name):
        def run(*args, **values):
            self._database.before_statement(self._transaction, self._number)
            self._number += 1
            return getattr(self._transaction, name)(*args, **values)

        return run


@asynccontextmanager
async def connections_in_use(database):
    """Use all connections of writers until the end of the block."""
    release = asyncio.Event()
    holders = []
    for count in range(1, MAX_WRITERS + 1):
        unit = database.write(lambda _transaction: await_(release.wait()))
        holders.append(asyncio.ensure_future(unit))
        await wait_until(lambda count=count: database.connections_in_use == count)
    yield
    release.set()
    await asyncio.gather(*holders)
