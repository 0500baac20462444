"""Database runners by name, and databases that run units of work as the contract allows: twice, or interleaved."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager, suppress
from functools import cache

from envmgr.server.kit.common.problems import Problem
from envmgr.server.kit.db.migrations import upgrade
from envmgr.server.kit.db.postgresql.database import PostgresDatabase
from envmgr.server.kit.db.postgresql.target import PostgresTarget
from envmgr.server.kit.db.sqlite import SqliteDatabase
from envmgr.server.kit.db.sqlite_file import SqliteFile
from envmgr.server.kit.messaging import outbox
from support.services.postgres_server import PostgresDatabases, installed_binaries, shared_server


def sqlite_database(directory, module):
    """Open a service's SQLite database, migrated, in a directory."""
    path = str(directory / f"{module.NAME}.db")
    upgrade(SqliteFile(path), module.MIGRATIONS, module.HEAD)
    return SqliteDatabase(path, module.NAME, outbox.append)


@asynccontextmanager
async def open_sqlite(directory, module):
    """Open a service's SQLite database, and close it."""
    database = sqlite_database(directory, module)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_postgres(directory, module):
    """Open a service's PostgreSQL database, and close it; the same directory has the same database."""
    postgres_databases()  # a server ends with the thread that started it
    url = await asyncio.to_thread(postgres_url, directory, module)
    database = PostgresDatabase(url, module.NAME, outbox.append)
    try:
        yield database
    finally:
        await database.close()


def postgres_url(directory, module):
    """Return the URL of a service's migrated database, created on the first call for a directory."""
    name = f"{module.NAME}_{hashlib.sha256(str(directory).encode()).hexdigest()[:16]}"
    databases = postgres_databases()
    databases.create(name, template=_template(module))
    return databases.server.url(name)


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
    upgrade(PostgresTarget(databases.server.url(name)), module.MIGRATIONS, module.HEAD)
    return name


RUNNERS = {"sqlite": open_sqlite, **({"postgresql": open_postgres} if installed_binaries() else {})}
"""How each runner's database is opened: `runner(directory, module)`. The contract tests run for all of them."""


class _RolledBack(Exception):
    """Roll back a unit that succeeded."""


class _Delegate:
    """A database that does what another one does."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


class RerunningDatabase(_Delegate):
    """Run each unit of work twice, and roll the first run back: services must not notice."""

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
    """Carry a unit of work that was to run."""

    def __init__(self, unit):
        super().__init__()
        self.unit = unit


class CapturingDatabase(_Delegate):
    """Raise each unit of work as Captured, instead of running it."""

    async def write(self, work):
        raise Captured(work)


class InterleavingDatabase(_Delegate):
    """Run another unit before the statement at a position of each unit: what READ COMMITTED would allow."""

    def __init__(self, inner, other, position):
        super().__init__(inner)
        self._other = other
        self._position = position
        self.has_interleaved = False
        self.result = None
        """What the other unit returned, or None where a problem was its end."""

    async def write(self, work):
        return await self._inner.write(lambda transaction: work(_Interleaved(self, transaction)))

    def before_statement(self, transaction, number):
        """Run the other unit, if it is time."""
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

    def __getattr__(self, name):
        def run(*args, **values):
            self._database.before_statement(self._transaction, self._number)
            self._number += 1
            return getattr(self._transaction, name)(*args, **values)

        return run
