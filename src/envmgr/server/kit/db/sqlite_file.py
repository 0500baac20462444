"""A SQLite file as the target of migrations, and the check of its integrity."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from envmgr.server.kit.db.migrations import UnusableDatabase
from envmgr.server.kit.db.sqlite_errors import CORRUPT, TRANSIENT, code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

LOCK_TIMEOUT_SECONDS = 60
"""How long an upgrade waits for one of another process."""

_RESTORE_HINT = "restore it from a backup, or pass another --data-dir"
_ADD_SEQUENCES = """
INSERT INTO sqlite_sequence (name, seq)
SELECT name, 0 FROM sqlite_schema
WHERE type = 'table' AND upper(sql) LIKE '%AUTOINCREMENT%' AND name NOT IN (SELECT name FROM sqlite_sequence)"""
"""SQLite adds a table with its first row only."""
_TABLES_WITH_REV = """
SELECT schema.name FROM sqlite_schema AS schema JOIN pragma_table_info(schema.name) AS columns
WHERE schema.type = 'table' AND columns.name = 'rev'"""


class SqliteFile:
    """A database file that may not exist yet (implements `migrations.MigrationTarget`).

    `own_table`, if set, is a table that only the database of its service has.
    """

    def __init__(self, path: str, own_table: str = "") -> None:
        self.path = path
        self._own_table = own_table

    @property
    def name(self) -> str:
        """Return the path."""
        return self.path

    def revision(self) -> str | None:
        """Return its revision, or None if it is empty or absent; raise UnusableDatabase."""
        if not os.path.lexists(self.path):
            return None
        with _translate_errors(self.path), closing(sqlite3.connect(self.path)) as connection:
            query = "SELECT name FROM sqlite_schema WHERE type = 'table'"
            tables = [name for (name,) in connection.execute(query)]
            if not tables:
                return None
            if "alembic_version" not in tables:
                raise _damaged_error(self.path, "contains foreign tables")
            if self._own_table and self._own_table not in tables:
                raise UnusableDatabase(
                    f"database {self.path} is another service's: it has no table {self._own_table}",
                    _RESTORE_HINT,
                )
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None

    def has_events(self) -> bool:
        """Return whether its service has emitted or received an event; raise UnusableDatabase."""
        with _translate_errors(self.path), closing(sqlite3.connect(self.path)) as connection:
            emitted = connection.execute("SELECT 1 FROM outbox_head WHERE sequence > 0").fetchone()
            return bool(emitted or connection.execute("SELECT 1 FROM consumer_offset").fetchone())

    def run_exclusively(self, work: Callable[[Connection], None]) -> None:
        """Run and commit in a transaction that excludes other writers; raise UnusableDatabase."""
        from sqlalchemy import create_engine, event
        from sqlalchemy.exc import DBAPIError

        options = {"isolation_level": None, "timeout": LOCK_TIMEOUT_SECONDS}
        engine = create_engine(f"sqlite:///{self.path}", connect_args=options)
        # The driver would commit before each DDL statement: transactions are begun here instead.
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN EXCLUSIVE"))
        try:
            with _translate_errors(self.path):
                try:
                    with engine.begin() as connection:
                        work(connection)
                except DBAPIError as error:
                    raise error.orig or error from error
        finally:
            engine.dispose()

    def skip_ids(self, minimum: int, count: int) -> None:
        """Move the next ID of each table at least `count` after the last one and after `minimum`."""
        with (
            _translate_errors(self.path),
            closing(sqlite3.connect(self.path, timeout=LOCK_TIMEOUT_SECONDS)) as connection,
            connection,
        ):
            connection.execute(_ADD_SEQUENCES)
            connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) + ?", (minimum, count))
            for (table,) in connection.execute(_TABLES_WITH_REV).fetchall():
                connection.execute(f'UPDATE "{table}" SET rev = rev + ?', (count,))  # noqa: S608 - a name of the schema

    def require_intact(self) -> None:
        """Check the whole file, in time proportional to its size; raise UnusableDatabase."""
        with _translate_errors(self.path), closing(sqlite3.connect(self.path)) as connection:
            (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            raise _damaged_error(self.path, result.splitlines()[-1])


@contextmanager
def _translate_errors(path: str) -> Iterator[None]:
    """Translate errors of SQLite that are not bugs to UnusableDatabase."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if code_of(error) in CORRUPT:
            raise _damaged_error(path, str(error)) from error
        if code_of(error) not in TRANSIENT:
            raise
        raise UnusableDatabase(
            f"cannot open database {path}: {error}",
            "check its ownership and free disk space, or pass another --data-dir",
        ) from error


def _damaged_error(path: str, reason: str) -> UnusableDatabase:
    return UnusableDatabase(
        f"{path} is corrupt or not an envmgr-alm database: {reason}",
        _RESTORE_HINT,
    )
