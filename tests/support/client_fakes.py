"""Doubles for progress and clocks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envmgr.kit.http.retry import Clock

if TYPE_CHECKING:
    from collections.abc import Callable


class RecordingProgress:
    """A Progress that records its calls."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str, int | None]] = []
        self.notes: list[str] = []
        self.traces: list[str] = []
        self.over: list[tuple[str, str]] = []
        self.counted = 0

    def step(self, task: str, label: str, total: int | None = None) -> None:
        self.steps.append((task, label, total))
        self.counted = 0

    def advance(self, task: str, count: int) -> None:
        assert task
        self.counted += count

    def done(self, task: str, step: str) -> None:
        self.over.append((task, step))

    def message(self, message: str) -> None:
        self.notes.append(message)

    def debug(self, message: str) -> None:
        self.traces.append(message)


class FakeClock:
    """A clock whose sleeps return at once and are recorded; pass `clock` to the code under test."""

    def __init__(
        self,
        now: float = 1_700_000_000.0,
        chance: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slept: list[float] = []
        self.clock = Clock(self.slept.append, monotonic, lambda: now, lambda: chance)
