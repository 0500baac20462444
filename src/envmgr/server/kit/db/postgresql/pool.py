"""Bounded pool of connections: each is lent to one unit at a time, and replaced when it is lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import PoolExhausted, ServiceUnavailable
from envmgr.server.kit.db.postgresql.driver import close, connect, is_driver_error, is_lost_connection
from envmgr.server.kit.db.postgresql.failures import RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from envmgr.server.kit.db.postgresql.driver import Connection

WAIT_TIMEOUT_SECONDS = 5.0
"""Seconds that a unit waits for a connection."""
BEGIN_TIMEOUT_SECONDS = 5.0
"""Seconds in which a connection must be found and begin: idle ones may all be cut off."""
TURN_TIMEOUT_SECONDS = 20.0
"""Seconds that a unit which is to run alone waits for others that are: as long as its request may take."""


class ConnectionPool:
    """Connections to one database, opened when first needed."""

    def __init__(self, url: str, application: str, max_connections: int) -> None:
        self._url = url
        self._application = application
        self._size = max_connections
        self._slots = asyncio.Semaphore(max_connections)
        self._exclusive = asyncio.Lock()
        self._idle: list[Connection] = []
        self._lent = 0

    @asynccontextmanager
    async def connection(self, begin: str = "") -> AsyncIterator[Connection]:
        """Yield a connection, on which `begin` has been run; raise PoolExhausted if all are in use."""
        await self._acquire_slot()
        try:
            async with self._lend(begin) as connection:
                yield connection
        finally:
            self._slots.release()

    @asynccontextmanager
    async def only_connection(self, begin: str = "") -> AsyncIterator[Connection]:
        """Yield a connection while no other is in use; raise PoolExhausted."""
        async with AsyncExitStack() as slots:
            try:
                async with asyncio.timeout(TURN_TIMEOUT_SECONDS):
                    await slots.enter_async_context(self._exclusive)
                async with asyncio.timeout(WAIT_TIMEOUT_SECONDS):
                    for _ in range(self._size):
                        await slots.enter_async_context(self._slots)
            except TimeoutError:
                raise self._create_error() from None
            yield await slots.enter_async_context(self._lend(begin))

    @property
    def in_use(self) -> int:
        """Return the number of connections that are lent."""
        return self._lent

    async def close(self) -> None:
        """Close all connections; none may be lent."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(close(connection) for connection in idle))

    async def _acquire_slot(self) -> None:
        try:
            async with asyncio.timeout(WAIT_TIMEOUT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise self._create_error() from None

    def _create_error(self) -> PoolExhausted:
        return PoolExhausted(
            f"all {self._size} database connections are in use", retry_after=RETRY_AFTER_SECONDS
        )

    @asynccontextmanager
    async def _lend(self, begin: str) -> AsyncIterator[Connection]:
        connection = await self._begin(begin)
        self._lent += 1
        try:
            yield connection
        except BaseException as error:
            # Cancelled by a loop that ends, a transaction may be open.
            if not isinstance(error, Exception) or (is_driver_error(error) and is_lost_connection(error)):
                connection.terminate()
            raise
        finally:
            self._lent -= 1
            if not connection.is_closed():
                self._idle.append(connection)

    async def _begin(self, begin: str) -> Connection:
        """Return a connection on which `begin` has been run; raise ServiceUnavailable."""
        try:
            async with asyncio.timeout(BEGIN_TIMEOUT_SECONDS):
                return await self._find_usable(begin)
        except TimeoutError:
            raise ServiceUnavailable(
                f"the database did not respond within {BEGIN_TIMEOUT_SECONDS:g} s",
                retry_after=RETRY_AFTER_SECONDS,
            ) from None

    async def _find_usable(self, begin: str) -> Connection:
        """Return a connection on which `begin` has been run: an idle one, unless it is lost."""
        while self._idle:
            connection = self._idle.pop()
            if await _is_usable(connection, begin):
                return connection
        connection = await connect(self._url, self._application)
        if not await _is_usable(connection, begin):
            raise ServiceUnavailable("the database ended a new connection", retry_after=RETRY_AFTER_SECONDS)
        return connection


async def _is_usable(connection: Connection, begin: str) -> bool:
    """Run `begin`; return whether the connection still exists."""
    if connection.is_closed():
        return False
    if not begin:
        return True
    try:
        await connection.execute(begin)
    except BaseException as error:
        connection.terminate()
        if not is_lost_connection(error):
            raise
        return False
    return True
