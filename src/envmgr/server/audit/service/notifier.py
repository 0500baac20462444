"""A bell that rings when the log has grown, for those who follow it."""

from __future__ import annotations

import asyncio


class Notifier:
    """Wakes whoever listens; listen first and look then, so that nothing comes in between unheard."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.is_closed = False

    def subscribe(self) -> asyncio.Event:
        """Return what is set at the next ring."""
        return self._event

    def notify_all(self) -> None:
        """Wake everybody."""
        self._event.set()
        self._event = asyncio.Event()

    def close(self) -> None:
        """Wake everybody for the last time."""
        self.is_closed = True
        self._event.set()
