"""A transport that sends what is written in one turn of the loop in one piece, and ends so that it arrives.

The head and the body of an answer are two writes, and each write of an event loop is a call into the system: together
two fifths of what a small answer costs.

A connection that ends while the other side still sends is reset, and the answer may be lost with it. So where not all
was heard, the end is said first, and what still comes is let in and forgotten for a moment (RFC 9112, section 9.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

LINGER_SECONDS = 1.0
"""Seconds that the other side has to hear the end while it still sends."""


def _never() -> bool:
    return False


class BufferedTransport:
    """Stands for a transport; only writing and closing differ."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        peer_still_sending: Callable[[], bool] = _never,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._peer_still_sending = peer_still_sending
        self._closing = False
        self._buffer: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this, with what else is written before the loop turns."""
        if not self._buffer:
            self._loop.call_soon(self._send)
        self._buffer.append(data)

    def is_closing(self) -> bool:
        """Say whether the connection ends, or has ended."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Send what waits, and end."""
        if self.is_closing():
            return
        self._send()
        if not self._peer_still_sending():
            self._transport.close()
            return
        self._closing = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_SECONDS, self._transport.close)

    def _send(self) -> None:
        data, self._buffer = b"".join(self._buffer), []
        # By now the other side may have hung up: then there is nobody to send it to.
        if data and not self._transport.is_closing():
            self._transport.write(data)
