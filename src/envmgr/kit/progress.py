"""Progress reports of long operations."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing costs start-up time
    from typing import Protocol

    class Progress(Protocol):
        """Progress of several tasks, thread-safe; `task` is a label such as `nodejs 20.19.5`."""

        def step(self, task: str, label: str, total: int | None = None) -> None:
            """Record a task's step ("downloading") and its total bytes, if known."""

        def advance(self, task: str, count: int) -> None:
            """Record bytes completed in the current step."""

        def done(self, task: str, label: str) -> None:
            """Record the end of a task and its outcome."""

        def message(self, message: str) -> None:
            """Record a message: a retry, a warning."""

        def debug(self, message: str) -> None:
            """Record a detail for verbose output: a request, a decision."""


class CountedMessages:
    """Progress that is passed on, and the number of its messages."""

    def __init__(self, progress: Progress) -> None:
        self.count = 0
        self.step = progress.step
        self.advance = progress.advance
        self.done = progress.done
        self.debug = progress.debug
        self._message = progress.message

    def message(self, message: str) -> None:
        """Count a message, and pass it on."""
        self.count += 1
        self._message(message)


class NullProgress:
    """Progress that is discarded."""

    def step(self, task: str, label: str, total: int | None = None) -> None:
        """Ignore it."""

    def advance(self, task: str, count: int) -> None:
        """Ignore it."""

    def done(self, task: str, label: str) -> None:
        """Ignore it."""

    def message(self, message: str) -> None:
        """Ignore it."""

    def debug(self, message: str) -> None:
        """Ignore it."""
