"""A PostgreSQL database as the target of migrations."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from envmgr.server.kit.db.migrations import UnusableDatabase
from envmgr.server.kit.db.postgresql import driver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sqlalchemy import Connection as MigrationConnection

    from envmgr.server.kit.db.postgresql.driver import Connection

T = TypeVar("T")
LOCK_TIMEOUT_SECONDS = 60.0
"""How long an upgrade waits for one of another process."""
LOCK_POLL_SECONDS = 0.1
MIGRATION_LOCK = 0x616C6D01
"""The key of the advisory lock of migrations; locks of different databases are different."""
_NO_PRIVILEGE = "42501"
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
_REVISION = "SELECT version_num FROM alembic_version"


class PostgresTarget:
    """An existing database by its URL (implements `migrations.MigrationTarget`)."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def name(self) -> str:
        """Return the host and database, without credentials."""
        parts = urlsplit(self._url)
        return f"{parts.path.lstrip('/')} on {parts.netloc.rpartition('@')[2]}"

    def revision(self) -> str | None:
        """Return its revision, or None if it is empty. Raise UnusableDatabase."""
        return self._run(self._revision)

    def run_exclusively(self, work: Callable[[MigrationConnection], None]) -> None:
        """Run and commit under the lock of migrations. Raise UnusableDatabase."""
        self._run(lambda connection: self._run_locked(connection, work))

    async def _revision(self, connection: Connection) -> str | None:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise UnusableDatabase(
                f"database {self.name} contains foreign tables", "set DB_URL to an empty database"
            )
        row = await connection.fetchrow(_REVISION)
        return str(row[0]) if row else None

    async def _run_locked(self, connection: Connection, work: Callable[[MigrationConnection], None]) -> None:
        """Lock for the session and migrate over the same connection: if it is lost, so is the lock."""
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.pool import StaticPool

        await self._lock(connection)
        # Changing a large table may take longer than any statement of the server.
        await connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=lambda: _future(connection), poolclass=StaticPool
        )
        try:
            async with engine.begin() as transaction:
                await transaction.run_sync(work)
        finally:
            await engine.dispose()

    async def _lock(self, connection: Connection) -> None:
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while not (await connection.fetchrow("SELECT pg_try_advisory_lock($1)", MIGRATION_LOCK))[0]:
            if time.monotonic() > deadline:
                raise UnusableDatabase(
                    f"database {self.name} is being migrated by another process", "wait for it, and try again"
                )
            await asyncio.sleep(LOCK_POLL_SECONDS)

    def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        with self._translate_errors():
            return asyncio.run(self._connected(work))

    async def _connected(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        connection = await driver.connect(self._url, "envmgr-alm migrate", command_timeout=None)
        try:
            return await work(connection)
        finally:
            await connection.close(timeout=driver.CONNECT_TIMEOUT_SECONDS)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except Exception as error:
            cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else error
            if cause is None or not driver.is_driver_error(cause) or not _is_operational(cause):
                raise
            raise UnusableDatabase(
                f"cannot use database {self.name}: {str(cause) or type(cause).__name__}",
                "check that PostgreSQL is running, and that DB_URL names a database and a role that may change it",
            ) from error


def _is_operational(error: BaseException) -> bool:
    """Return whether an operator must act: on the server, the network, or privileges."""
    return driver.is_transient(error) or driver.is_corrupt(error) or driver.code_of(error) == _NO_PRIVILEGE


async def _future(connection: Connection) -> Connection:
    return connection
