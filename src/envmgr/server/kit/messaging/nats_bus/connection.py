"""A connection to NATS, which ends with the first error: the client's own reconnecting is off."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from nats.aio.client import Client
from nats.errors import Error, NoServersError

from envmgr.server.kit.common.failures import describe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

CONNECT_TIMEOUT_SECONDS = 2
PING_INTERVAL_SECONDS = 5
MAX_UNANSWERED_PINGS = 2
CLOSE_TIMEOUT_SECONDS = 1.0


class ConnectionLost(Exception):
    """The connection to the broker ended."""


class Connection:
    """A connected client, and the errors that it reported."""

    def __init__(self) -> None:
        self.client = Client()
        self._closed = asyncio.Event()
        self._error: Exception | None = None

    async def open(self, servers: Sequence[str], name: str) -> None:
        """Connect to one of the servers; raise what the last of them answered."""
        try:
            await self.client.connect(
                list(servers),
                name=name,
                error_cb=self._on_error,
                closed_cb=self._on_closed,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                ping_interval=PING_INTERVAL_SECONDS,
                max_outstanding_pings=MAX_UNANSWERED_PINGS,
            )
        except NoServersError as error:
            raise self._error or error from error

    async def wait_closed(self) -> None:
        """Wait for the end of the connection; raise ConnectionLost with the first error then."""
        await self._closed.wait()
        raise ConnectionLost(describe(self._error) if self._error else "closed by the server")

    async def guard(self, work: Coroutine[None, None, None]) -> None:
        """Run work, and close the connection with it.

        The client swallows a cancellation at times (nats-py `_flush_pending`); a closed connection ends all work.
        """
        try:
            await work
        except Exception as error:
            self._error = self._error or error
            raise
        finally:
            await self.close()

    async def close(self) -> None:
        """Send what is buffered and disconnect."""
        with suppress(Error, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                if self.client.is_connected:
                    await self.client.flush()
                await self.client.close()

    async def _on_error(self, error: Exception) -> None:
        self._error = error

    async def _on_closed(self) -> None:
        self._closed.set()


@asynccontextmanager
async def connect(servers: Sequence[str], name: str) -> AsyncIterator[Connection]:
    """Yield a connection, and close it."""
    connection = Connection()
    try:
        await connection.open(servers, name)
        yield connection
    finally:
        await connection.close()
