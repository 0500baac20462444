"""A bell that rings when the log has grown, for those who follow it."""

from __future__ import annotations

import asyncio


class Bell:
    """Wakes whoever listens; listen first and look then, so that nothing comes in between unheard."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.is_silenced = False

    def listen(self) -> asyncio.Event:
        """Return what is set at the next ring."""
        return self._rung

    def ring(self) -> None:
        """Wake everybody."""
        self._rung.set()
        self._rung = asyncio.Event()

    def silence(self) -> None:
        """Wake everybody for the last time."""
        self.is_silenced = True
        self._rung.set()
