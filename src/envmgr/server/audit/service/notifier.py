"""Notifier of log growth, for streams."""

from __future__ import annotations

import asyncio


class Notifier:
    """Broadcast a signal to all current waiters.

    Subscribe before reading, so that no signal between the two is missed.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.is_closed = False

    def subscribe(self) -> asyncio.Event:
        """Return the event that the next notification sets."""
        return self._event

    def notify_all(self) -> None:
        """Wake all waiters."""
        self._event.set()
        self._event = asyncio.Event()

    def close(self) -> None:
        """Wake all waiters for the last time."""
        self.is_closed = True
        self._event.set()
