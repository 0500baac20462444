"""Database runners by name, and databases that run units of work as the contract allows: twice, or interleaved."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress

from envmgr.server.kit.common.problems import Problem
from envmgr.server.kit.db.migrations import upgrade
from envmgr.server.kit.db.sqlite import SqliteDatabase
from envmgr.server.kit.db.sqlite_file import SqliteFile
from envmgr.server.kit.messaging import outbox


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


RUNNERS = {"sqlite": open_sqlite}
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
