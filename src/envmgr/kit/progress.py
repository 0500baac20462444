"""Progress reports of long operations."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A watcher of several tasks, called from any thread; `task` is a label such as `nodejs 20.19.5`."""

    def step(self, task: str, label: str, total: int | None = None) -> None:
        """Return what a task does now ("downloading"), and how many bytes that is in all, if known."""

    def advance(self, task: str, count: int) -> None:
        """Count bytes done in the present step."""

    def done(self, task: str, label: str) -> None:
        """Report that a task has ended, and how."""

    def message(self, message: str) -> None:
        """Report a message apart from progress: a retry, a warning."""

    def debug(self, message: str) -> None:
        """Return what only those want to know who asked for every detail: a request, a decision."""


class NullProgress:
    """Watch nothing."""

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
