"""What SQLite's errors mean (https://www.sqlite.org/rescode.html): trouble that passes, or a file that is damaged."""

from __future__ import annotations

import sqlite3

TRANSIENT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
"""What the system is to blame for, not the file's content or the statement: a full disk, a lock held by others."""
CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def code_of(error: Exception) -> int:
    """Return the primary code of an error; what Python's module itself finds wrong has none, and is SQLITE_ERROR."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF
