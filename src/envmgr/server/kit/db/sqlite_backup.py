"""Online backup of SQLite files: all as of one moment, while a server writes to them."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from envmgr.server.kit.db.migrations import UnusableDatabase
from envmgr.server.kit.db.sqlite_errors import TRANSIENT, code_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOCK_TIMEOUT_SECONDS = 60.0


@contextmanager
def snapshots(paths: Sequence[str]) -> Iterator[Sequence[sqlite3.Connection]]:
    """Yield a reading transaction over each file, all of one moment; raise UnusableDatabase.

    For that moment, all files are locked against writing: neither order of files would do without, as a service records
    what another has received of it, and the other what it received.
    """
    with ExitStack() as readers:
        with ExitStack() as locks:
            for path in paths:
                _begin(locks, path, "BEGIN IMMEDIATE")
            connections = [_begin(readers, path, "BEGIN") for path in paths]
        yield connections


def copy(source: sqlite3.Connection, target: str) -> None:
    """Write a snapshot to a new file, and check the copy completely; raise UnusableDatabase."""
    try:
        with closing(sqlite3.connect(target)) as connection:
            source.backup(connection)
            results = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
    except sqlite3.DatabaseError as error:
        raise _unusable(target, error) from error
    if results != ["ok"]:
        raise UnusableDatabase(
            f"the copy {target} is not intact: {results[0]}", "restore the database from an earlier backup"
        )


def _begin(stack: ExitStack, path: str, statement: str) -> sqlite3.Connection:
    """Open a file that exists, and begin a transaction that ends with the stack."""
    try:
        connection = stack.enter_context(
            closing(
                sqlite3.connect(
                    f"file:{quote(path)}?mode=rw",
                    uri=True,
                    isolation_level=None,
                    timeout=LOCK_TIMEOUT_SECONDS,
                )
            )
        )
        connection.execute(statement)
        # A transaction sees the file as of its first read.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    return connection


def _unusable(path: str, error: sqlite3.DatabaseError) -> UnusableDatabase:
    transient = code_of(error) in TRANSIENT
    return UnusableDatabase(
        f"cannot copy database {path}: {error}",
        "check its ownership, free disk space and other processes, then retry"
        if transient
        else "restore it from an earlier backup",
    )
