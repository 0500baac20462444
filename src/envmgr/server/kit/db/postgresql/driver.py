"""The driver of PostgreSQL: connections, and the classes of its errors.

Codes of errors: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg  # type: ignore[import-untyped] # the library has no types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CONNECT_TIMEOUT_SECONDS = 5.0
CLOSE_TIMEOUT_SECONDS = 1.0
STATEMENT_TIMEOUT_SECONDS = 10.0
LOCK_TIMEOUT_SECONDS = 5.0
IDLE_IN_TRANSACTION_TIMEOUT_SECONDS = 30.0
COMMAND_TIMEOUT_SECONDS = STATEMENT_TIMEOUT_SECONDS + 5
"""Seconds until the client gives up a statement: later than the server, unless the network is gone."""
CACHED_STATEMENTS = 512
SETTINGS: Mapping[str, str] = {
    "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS:g}s",
    "lock_timeout": f"{LOCK_TIMEOUT_SECONDS:g}s",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_SECONDS:g}s",
    "jit": "off",
    # A scan of a whole table conflicts with each of its writers; through an index, only with those of the same rows.
    "enable_seqscan": "off",
}
"""Settings of each session."""

UNIQUE_VIOLATION = "23505"
_CONFLICTS = frozenset({"40001", "40P01"})
"""Serialization failure, deadlock."""
_LOCK_NOT_AVAILABLE = "55P03"
_LOST = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})
"""The session was ended: by an operator, a crash, a start or shutdown, a timeout of idling."""
_TRANSIENT_CLASSES = frozenset({"08", "53", "57", "58"})
"""Connection lost, resources exhausted, stopped by an operator, error of the system."""
_TRANSIENT = frozenset({"25006", "25P03", "28000", "28P01", "3D000", _LOCK_NOT_AVAILABLE})
"""A standby, timeouts of idling and of locks, and a server whose roles or databases are being restored."""
_CORRUPT = frozenset({"XX001", "XX002"})


class Connection(Protocol):
    """The part of the driver's connection that is used here."""

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, or several without arguments; return the tag of the last."""
        ...

    async def fetch(self, query: str, *args: object) -> Sequence[Any]:
        """Return all rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Any:
        """Return the first row, or None."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the driver's signature
        """Close it, at the latest after the timeout."""
        ...

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        """Call back for each notification of a channel."""
        ...

    def is_closed(self) -> bool:
        """Return whether it is closed or lost."""
        ...

    def terminate(self) -> None:
        """Close it at once."""
        ...


async def connect(
    url: str, application: str, command_timeout: float | None = COMMAND_TIMEOUT_SECONDS
) -> Connection:
    """Open a connection with the settings that all connections share."""
    connection: Connection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=command_timeout,
        statement_cache_size=CACHED_STATEMENTS,
        server_settings={**SETTINGS, "application_name": application},
    )
    return connection


async def close(connection: Connection) -> None:
    """Close a connection whose server may be gone."""
    with suppress(Exception):  # what matters is that the socket is closed
        await connection.close(timeout=CLOSE_TIMEOUT_SECONDS)
    connection.terminate()


def is_driver_error(error: BaseException) -> bool:
    """Return whether an error comes from the database, the driver or the network."""
    return isinstance(
        error, (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
    )


def code_of(error: BaseException) -> str:
    """Return the code of an error of the server, or an empty text."""
    return str(getattr(error, "sqlstate", None) or "")


def is_conflict(error: BaseException) -> bool:
    """Return whether the unit must run again: a conflict, or a statement prepared for an older schema."""
    if isinstance(error, asyncpg.exceptions.InvalidCachedStatementError):
        return True
    return code_of(error) in _CONFLICTS


def is_lock_timeout(error: BaseException) -> bool:
    """Return whether a lock was not released in time."""
    return code_of(error) == _LOCK_NOT_AVAILABLE


def is_lost_connection(error: BaseException) -> bool:
    """Return whether the connection is gone, or was refused."""
    code = code_of(error)
    return isinstance(error, OSError) or _is_closed(error) or code.startswith("08") or code in _LOST


def is_rejection(error: BaseException) -> bool:
    """Return whether the server rejected a statement and goes on, so that also a COMMIT has had no effect.

    What became of a COMMIT is unknown where the server ends the session, or the network fails.
    """
    return getattr(error, "severity_en", None) == "ERROR"


def is_transient(error: BaseException) -> bool:
    """Return whether an error may be gone on a later try."""
    code = code_of(error)
    return is_lost_connection(error) or code[:2] in _TRANSIENT_CLASSES or code in _TRANSIENT


def is_corrupt(error: BaseException) -> bool:
    """Return whether the content of the database is damaged."""
    return code_of(error) in _CORRUPT


def _is_closed(error: BaseException) -> bool:
    """Return whether the driver refused a call on a closed connection, or lost the protocol's state."""
    if isinstance(error, (asyncpg.InternalClientError, asyncpg.exceptions.ConnectionDoesNotExistError)):
        return True
    return isinstance(error, asyncpg.InterfaceError) and "closed" in str(error)
