"""Progress as people see it: bars on a terminal, plain lines elsewhere, nothing where nobody looks."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING

from envmgr.cli.style import STDERR, style_of
from envmgr.kit.environment import current, is_terminal
from envmgr.kit.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from envmgr.cli.options import Options
    from envmgr.kit.progress import Progress


@contextlib.contextmanager
def watching(options: Options) -> Iterator[Progress]:
    """Show the progress of what happens in the block, on stderr."""
    if options.quiet or options.json:
        yield Silent()
    elif is_terminal(STDERR) and not current().get("CI") and current().get("TERM") != "dumb":
        with _bars() as bars:
            yield BarWatcher(bars)
    else:
        yield LineWatcher()


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    console = Console(stderr=True, no_color=not style_of(STDERR).colour)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[what]}", style="dim", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=6)),
        DownloadColumn(table_column=Column(no_wrap=True)),
        TransferSpeedColumn(table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        expand=True,
        refresh_per_second=8,
    )


class BarWatcher:
    """Draws a bar a task, which goes when the task is over."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def step(self, task: str, what: str, total: int | None = None) -> None:
        """Start the bar again for a task's next step."""
        with self._lock:
            if task not in self._tasks:
                self._tasks[task] = self._bars.add_task(task, what=what, total=total)
        self._bars.reset(self._tasks[task], total=total, what=what)

    def advance(self, task: str, count: int) -> None:
        """Move the bar."""
        if task in self._tasks:
            self._bars.advance(self._tasks[task], count)

    def done(self, task: str, what: str) -> None:  # noqa: ARG002 - the result is printed when all are over
        """Take the bar away."""
        with self._lock:
            if task in self._tasks:
                self._bars.remove_task(self._tasks.pop(task))

    def note(self, message: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(message, style="yellow", markup=False, highlight=False)


class LineWatcher:
    """Prints a line a step that transfers or makes something: for logs."""

    def step(self, task: str, what: str, total: int | None = None) -> None:
        """Say what a task does now."""
        if total:
            self.note(f"{task}: {what} ({_mebibytes(total)})")

    def advance(self, task: str, count: int) -> None:
        """Say nothing: a log needs no percentages."""

    def done(self, task: str, what: str) -> None:
        """Say nothing: the result is printed when all are over."""

    def note(self, message: str) -> None:
        """Print a line."""
        sys.stderr.write(message + "\n")
        sys.stderr.flush()


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
