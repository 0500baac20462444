"""A PostgreSQL database as the target of migrations."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from envmgr.server.kit.common.failures import summarize
from envmgr.server.kit.db.migrations import UnusableDatabase
from envmgr.server.kit.db.postgresql import driver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from sqlalchemy import Connection as MigrationConnection

    from envmgr.server.kit.db.postgresql.driver import Connection

T = TypeVar("T")
LOCK_TIMEOUT_SECONDS = 60.0
"""How long an upgrade waits for one of another process."""
LOCK_POLL_SECONDS = 0.1
MIGRATION_LOCK = 0x616C6D01
"""The key of the advisory lock of migrations; locks of different databases are different."""
_APPLICATION = "envmgr-alm migrate"
_NO_DATABASE, _EXISTS = "3D000", frozenset({"42P04", "23505"})
_BY_OPERATOR = frozenset({"42501", "42704"})
"""Insufficient privilege, unknown role."""
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
_HAS_EVENTS = """
SELECT EXISTS (SELECT FROM outbox_head WHERE sequence > 0)
    OR EXISTS (SELECT FROM outbox_unnumbered) OR EXISTS (SELECT FROM consumer_offset)"""
_APPEND_ONLY_TABLES = """
SELECT quote_ident(relname) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE tgname = relname || '_append_only' AND relnamespace = current_schema()::regnamespace"""
"""The tables whose changes a trigger refuses, by the name of the trigger."""
_SEQUENCES = """
SELECT pg_get_serial_sequence(quote_ident(table_name), column_name) FROM information_schema.columns
WHERE table_schema = current_schema() AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL"""
_TABLES_WITH_REV = """
SELECT quote_ident(table_name) FROM information_schema.columns
WHERE table_schema = current_schema() AND column_name = 'rev'"""
_PARTITIONS = """
SELECT quote_ident(relname) FROM pg_class
WHERE relispartition AND relkind = 'r' AND relnamespace = current_schema()::regnamespace"""
_REVISION = "SELECT version_num FROM alembic_version"


class PostgresTarget:
    """A database by its URL (implements `migrations.MigrationTarget`).

    `own_table`, if set, is a table that only the database of its service has.
    """

    def __init__(self, url: str, own_table: str = "") -> None:
        self._url = url
        self._own_table = own_table

    @property
    def name(self) -> str:
        """Return the host and database, without credentials."""
        parts = urlsplit(self._url)
        return f"{parts.path.lstrip('/')} on {parts.netloc.rpartition('@')[2]}"

    def revision(self) -> str | None:
        """Return its revision, or None if it is empty or absent; raise UnusableDatabase."""
        return self._run(self._revision_or_absent())

    def has_events(self) -> bool:
        """Return whether its service has emitted or received an event; raise UnusableDatabase."""

        async def has_any(connection: Connection) -> bool:
            return bool((await connection.fetchrow(_HAS_EVENTS))[0])

        return self._run(self._with_connection(has_any))

    def grant(self, role: str) -> None:
        """Grant a role all but changes of the schema and of append-only tables; raise UnusableDatabase."""
        self._run(self._with_connection(lambda connection: _grant(connection, role)))

    def run_exclusively(self, work: Callable[[MigrationConnection], None]) -> None:
        """Run and commit under the lock of migrations, in a new database if need be; raise UnusableDatabase."""
        self._run(self._create_and_run(work))

    def skip_ids(self, minimum: int, count: int) -> None:
        """Move the next ID of each table at least `count` after the last one and after `minimum`."""
        self._run(self._with_connection(lambda connection: _skip_ids(connection, minimum, count)))

    async def _revision_or_absent(self) -> str | None:
        try:
            return await self._with_connection(self._revision)
        except Exception as error:
            if driver.code_of(error) != _NO_DATABASE:
                raise
            return None

    async def _create_and_run(self, work: Callable[[MigrationConnection], None]) -> None:
        try:
            await self._with_connection(lambda connection: self._run_locked(connection, work))
        except Exception as error:
            if driver.code_of(error) != _NO_DATABASE:
                raise
            await self._create()
            await self._with_connection(lambda connection: self._run_locked(connection, work))

    async def _create(self) -> None:
        parts = urlsplit(self._url)
        name = parts.path.lstrip("/").replace('"', '""')
        maintenance = urlunsplit(parts._replace(path="/postgres"))
        connection = await driver.connect(maintenance, _APPLICATION, command_timeout=None)
        try:
            await connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
        except Exception as error:
            # Another process has created it.
            if driver.code_of(error) not in _EXISTS:
                raise
        finally:
            await connection.close(timeout=driver.CONNECT_TIMEOUT_SECONDS)

    async def _revision(self, connection: Connection) -> str | None:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise UnusableDatabase(
                f"database {self.name} contains foreign tables", "set DB_URL to an empty database"
            )
        if self._own_table and self._own_table not in tables:
            raise UnusableDatabase(
                f"database {self.name} is another service's: it has no table {self._own_table}",
                "set DB_URL to the service's own database",
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

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._translate_errors():
            return asyncio.run(work)

    async def _with_connection(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        connection = await driver.connect(self._url, _APPLICATION, command_timeout=None)
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
                f"cannot use database {self.name}: {summarize(cause)}",
                "check that PostgreSQL is running, and that DB_URL names a database and a role that may change it",
            ) from error


async def _grant(connection: Connection, role: str) -> None:
    (name,) = await connection.fetchrow("SELECT quote_ident($1)", role)
    (schema,) = await connection.fetchrow("SELECT quote_ident(current_schema())")
    protected = [row[0] for row in await connection.fetch(_APPEND_ONLY_TABLES)]
    partitions = [row[0] for row in await connection.fetch(_PARTITIONS)]
    await connection.execute(
        f"GRANT USAGE ON SCHEMA {schema} TO {name};"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name};"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {name};"
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {name};"
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {name};"
        + "".join(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {name};" for table in protected)
        + "".join(f"REVOKE ALL ON {table} FROM {name};" for table in partitions)
    )


async def _skip_ids(connection: Connection, minimum: int, count: int) -> None:
    """Draw numbers from all sequences: the server's role may do no more with them."""
    await connection.execute("SET statement_timeout = 0")
    for (sequence,) in await connection.fetch(_SEQUENCES):
        (last,) = await connection.fetchrow("SELECT nextval($1::text::regclass)", sequence)
        await connection.execute(
            "SELECT count(nextval($1::text::regclass)) FROM generate_series(1, $2::bigint)",
            sequence,
            max(minimum - last, 0) + count,
        )
    for (table,) in await connection.fetch(_TABLES_WITH_REV):
        await connection.execute(f"UPDATE {table} SET rev = rev + $1", count)  # noqa: S608 - a name of the schema


def _is_operational(error: BaseException) -> bool:
    """Return whether an operator must act: on the server, the network, or privileges."""
    return driver.is_transient(error) or driver.is_corrupt(error) or driver.code_of(error) in _BY_OPERATOR


async def _future(connection: Connection) -> Connection:
    return connection
