"""Buffered transport: coalesced writes and a lingering close.

The head and the body of a response are two writes, and each write of an event loop is a system call: together two
fifths of the cost of a small response.

A connection that is closed while the peer still sends is reset, and the response may be lost. So where input was left
unread, the write side is closed first, and remaining input is discarded for a moment (RFC 9112, section 9.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

LINGER_SECONDS = 1.0
"""Seconds to discard input after the write side is closed."""


def _is_never_sending() -> bool:
    return False


class BufferedTransport:
    """Transport wrapper that buffers writes and lingers on close."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        is_peer_sending: Callable[[], bool] = _is_never_sending,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._is_peer_sending = is_peer_sending
        self._closing = False
        self._buffer: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Queue data until the end of this loop iteration."""
        if not self._buffer:
            self._loop.call_soon(self._send)
        self._buffer.append(data)

    def is_closing(self) -> bool:
        """Return whether the connection is closing or closed."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Flush queued data and close."""
        if self.is_closing():
            return
        self._send()
        if not self._is_peer_sending():
            self._transport.close()
            return
        self._closing = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_SECONDS, self._transport.close)

    def _send(self) -> None:
        data, self._buffer = b"".join(self._buffer), []
        # The peer may have disconnected.
        if data and not self._transport.is_closing():
            self._transport.write(data)
