"""What long work tells whoever watches it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A watcher of several tasks, called from any thread; `task` is a label such as `nodejs 20.19.5`."""

    def step(self, task: str, what: str, total: int | None = None) -> None:
        """Say what a task does now ("downloading"), and how many bytes that is in all, if known."""

    def advance(self, task: str, count: int) -> None:
        """Count bytes done in the present step."""

    def done(self, task: str, what: str) -> None:
        """Say that a task is over, and how it ended."""

    def message(self, message: str) -> None:
        """Say something that is no task's progress: a retry, a warning."""

    def debug(self, message: str) -> None:
        """Say what only those want to know who asked for every detail: a request, a decision."""


class NullProgress:
    """Watch nothing."""

    def step(self, task: str, what: str, total: int | None = None) -> None:
        """Ignore it."""

    def advance(self, task: str, count: int) -> None:
        """Ignore it."""

    def done(self, task: str, what: str) -> None:
        """Ignore it."""

    def message(self, message: str) -> None:
        """Ignore it."""

    def debug(self, message: str) -> None:
        """Ignore it."""
