"""Leadership by a session advisory lock: the process that holds it relays the events of a database.

The lock has a connection of its own and ends with it: where the holder is killed, a waiting process takes over. Where
it hangs or is cut off, its connection stays; the server ends it once the holder has not used it for a while. The same
connection listens for the events of other processes. A leader that was cut off may publish once more beside its
successor: both publish in order, and consumers ignore what they have.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envmgr.server.kit.db.postgresql import driver
from envmgr.server.kit.db.postgresql.failures import translate_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.db.postgresql.driver import Connection

RELAY_LOCK, SERVER_LOCK = 0x616C6D02, 0x616C6D03
"""Keys of advisory locks: of the relay, and of a server that is to be the only one."""
CHANNEL = "alm_events"
RELAY_IDLE_SECONDS = 30
"""Seconds without a call after which the relay's lock ends.

Its holder calls each second, and after at most 27 s while a broker hangs: 12 to read its position, 10 to publish, 5
until the next attempt.
"""


class PostgresLeadership:
    """The role for one database (implements `sql.Leadership`)."""

    def __init__(
        self,
        url: str,
        source: str,
        on_events: Callable[[], None],
        key: int = RELAY_LOCK,
        idle_seconds: float = 0,
    ) -> None:
        """Create the role; with `idle_seconds`, it ends when its holder has not called for so long."""
        self._key = key
        self._idle_seconds = idle_seconds
        self._url = url
        self._source = source
        self._on_events = on_events
        self._connection: Connection | None = None
        self._has_lock = False
        self._turn = asyncio.Lock()

    @property
    def is_leader(self) -> bool:
        """Return whether this process had the role when it last used the connection."""
        return self._has_lock and self._connection is not None and not self._connection.is_closed()

    async def try_acquire(self) -> bool:
        """Return whether this process has the role now; raise ServiceUnavailable."""
        with translate_errors(self._source):
            return await self._try_lock()

    async def release(self) -> None:
        """Close the connection, which ends the lock."""
        connection, self._connection, self._has_lock = self._connection, None, False
        if connection is not None:
            await driver.close(connection)

    async def _try_lock(self) -> bool:
        async with self._turn:
            return await self._use_connection()

    async def _use_connection(self) -> bool:
        try:
            connection = await self._connect()
            if self._has_lock:
                await connection.execute("SELECT 1")
            else:
                (self._has_lock,) = await connection.fetchrow("SELECT pg_try_advisory_lock($1)", self._key)
        except Exception:
            await self.release()
            raise
        return self._has_lock

    async def _connect(self) -> Connection:
        """Return the connection, replaced if it was lost."""
        if self._connection is None or self._connection.is_closed():
            self._has_lock = False
            self._connection = await driver.connect(self._url, f"envmgr-alm {self._source} relay")
            await self._limit_idle_time(self._connection)
            await self._connection.add_listener(CHANNEL, self._on_notification)
        return self._connection

    async def _limit_idle_time(self, connection: Connection) -> None:
        """Set the limit of the session's idle time; 0 is none, whatever the role's setting."""
        # Not by a parameter of the start, which PgBouncer would refuse.
        await connection.execute(f"SET idle_session_timeout = {round(self._idle_seconds * 1000)}")

    def _on_notification(self, *_details: object) -> None:
        self._on_events()
