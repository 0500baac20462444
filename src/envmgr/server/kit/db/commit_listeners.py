"""Listeners of a database's commits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger(__name__)


class CommitListeners:
    """Functions that are called after commits that recorded events, or enqueued jobs."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def add(self, listener: Callable[[], None]) -> None:
        """Add a listener."""
        self._listeners.append(listener)

    def call(self) -> None:
        """Call each listener, and log errors: what is committed is not to be reported as failed."""
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                _logger.exception("commit_listener_failed")
