"""A transport that sends what is written in one turn of the loop in one piece.

The head and the body of an answer are two writes, and each write of an event loop is a call into the system: together
two fifths of what a small answer costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


class Corked:
    """Stands for a transport; only writing and closing differ."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this, with what else is written before the loop turns."""
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(data)

    def is_closing(self) -> bool:
        """Say whether the connection ends, or has ended."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Send what waits, and end."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        data, self._pieces = b"".join(self._pieces), []
        # By now the other side may have hung up: then there is nobody to send it to.
        if data and not self._transport.is_closing():
            self._transport.write(data)
