"""A network that ends a connection at a chosen message, or that delivers nothing for a while.

The message is lost, or it is delivered and its response is lost.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 1 << 16


class CuttingProxy:
    """A proxy for one port on loopback; each cut ends one connection."""

    def __init__(self, target):
        self.port = 0
        self._target = target
        self._marker = b""
        self._is_delivered = False
        self._is_up = asyncio.Event()
        self._is_up.set()

    def hang(self):
        """Deliver no request, and accept no connection, until `resume`."""
        self._is_up.clear()

    def resume(self):
        """Deliver requests again."""
        self._is_up.set()

    def cut_before(self, marker):
        """End the connection that sends these bytes next, and deliver only what is before them."""
        self._marker, self._is_delivered = marker, False

    def cut_after(self, marker):
        """End the connection that sends these bytes next when the server responds, and drop the response."""
        self._marker, self._is_delivered = marker, True

    @property
    def has_cut(self):
        """Return whether the connection was ended."""
        return not self._marker

    async def accept(self, reader, writer):
        """Connect a client to the server until one of them, or the cut, ends it."""
        await self._is_up.wait()
        responses, requests = await asyncio.open_connection("127.0.0.1", self._target)
        is_open = asyncio.Event()
        is_open.set()
        tasks = [
            asyncio.create_task(self._send_requests(reader, requests, is_open)),
            asyncio.create_task(_send_responses(responses, writer, is_open)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in (writer, requests):
            connection.close()

    async def _send_requests(self, reader, writer, is_open):
        with suppress(OSError):
            while content := await reader.read(CHUNK_BYTES):
                await self._is_up.wait()
                if self._marker and self._marker in content:
                    before, self._marker = content[: content.index(self._marker)], b""
                    if not self._is_delivered:
                        writer.write(before)
                        return
                    is_open.clear()
                writer.write(content)


async def _send_responses(reader, writer, is_open):
    with suppress(OSError):
        while (content := await reader.read(CHUNK_BYTES)) and is_open.is_set():
            writer.write(content)


@asynccontextmanager
async def cutting_proxy(target):
    """Yield a proxy for a port, which listens."""
    proxy = CuttingProxy(target)
    async with await asyncio.start_server(proxy.accept, "127.0.0.1", 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
