"""Progress display: bars on a terminal, plain lines elsewhere, none with `--quiet` or `--json`."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from envmgr.cli.output.progress_render import Task, render
from envmgr.cli.output.style import STDERR, style_of, width_of
from envmgr.cli.output.units import size
from envmgr.cli.output.wrap import fill
from envmgr.kit.environment import current, is_terminal
from envmgr.kit.frozen import replace
from envmgr.kit.progress import NullProgress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.live import Live
    from rich.text import Text

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.kit.progress import Progress

DISPLAY_DELAY_SECONDS = 0.2
"""Shorter work is not displayed, so that the terminal does not flicker."""
_FRAMES_PER_SECOND = 8
_SPEED_WINDOW_SECONDS = 5.0
_RIGHT_MARGIN = 3  # the terminal's echo of Ctrl-C must not begin a new line, which would be left over
_QUIET_STEPS = ("waiting", "resolving", "finishing", "listing", "checking")


@contextlib.contextmanager
def show_progress(options: Options) -> Iterator[Progress]:
    """Show the progress of the block on stderr."""
    if (options.quiet or options.json) and not options.verbose:
        yield NullProgress()
    elif _should_show_bars() and not options.json:
        bars = ProgressBars(style_of(STDERR), verbose=options.verbose)
        with contextlib.closing(bars), contextlib.closing(ClosableProgress(bars)) as progress:
            yield progress
    else:
        with contextlib.closing(ClosableProgress(ProgressLog(verbose=options.verbose))) as progress:
            yield progress


def _should_show_bars() -> bool:
    return is_terminal(STDERR) and not current().get("CI") and current().get("TERM") != "dumb"


class ClosableProgress:
    """Progress that ignores all calls after it is closed, and repeated messages.

    Threads may still run when a command has ended; they must not print after its result.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._messages: set[str] = set()
        self._guard = threading.RLock()

    def step(self, task: str, step: str, total: int | None = None) -> None:
        """Delegate."""
        with self._guard:
            self._progress.step(task, step, total)

    def advance(self, task: str, count: int) -> None:
        """Delegate."""
        with self._guard:
            self._progress.advance(task, count)

    def done(self, task: str, step: str) -> None:
        """Delegate."""
        with self._guard:
            self._progress.done(task, step)

    def message(self, message: str) -> None:
        """Delegate, unless the message repeats."""
        with self._guard:
            if message not in self._messages:
                self._messages.add(message)
                self._progress.message(message)

    def debug(self, message: str) -> None:
        """Delegate."""
        with self._guard:
            self._progress.debug(message)

    def close(self) -> None:
        """Ignore all further calls."""
        with self._guard:
            self._progress = NullProgress()


class _Tracked:
    """A task and its recent speed."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._samples = deque([(time.monotonic(), 0)])

    def advance(self, count: int) -> None:
        """Count bytes."""
        self.task = replace(self.task, done=self.task.done + count)
        self._samples.append((time.monotonic(), self.task.done))

    def current(self) -> Task:
        """Return the task with its current speed."""
        now = time.monotonic()
        while len(self._samples) > 1 and now - self._samples[1][0] > _SPEED_WINDOW_SECONDS:
            self._samples.popleft()
        start, done_at_start = self._samples[0]
        elapsed = now - start
        return replace(
            self.task,
            speed=(self.task.done - done_at_start) / elapsed if elapsed > DISPLAY_DELAY_SECONDS else None,
        )


class ProgressBars:
    """Progress bars on a terminal, a line a task, removed at the end."""

    def __init__(self, style: Style, *, verbose: bool = False) -> None:
        self._style = style
        self._verbose = verbose
        self._tasks: dict[str, _Tracked] = {}
        self._guard = threading.RLock()
        self._timer: threading.Timer | None = None
        self._live: Live | None = None
        self._frame = 0

    def step(self, task: str, step: str, total: int | None = None) -> None:
        """Show a task's next step with an empty bar."""
        with self._guard:
            self._tasks[task] = _Tracked(Task(task, step, 0, total))
            if self._live is None and self._timer is None:
                self._timer = threading.Timer(DISPLAY_DELAY_SECONDS, self._start_display)
                self._timer.daemon = True
                self._timer.start()

    def advance(self, task: str, count: int) -> None:
        """Move the bar."""
        with self._guard:
            if task in self._tasks:
                self._tasks[task].advance(count)

    def done(self, task: str, step: str) -> None:  # noqa: ARG002 - the result is printed when all tasks are done
        """Remove the task's line; end the display with the last one."""
        with self._guard:
            self._tasks.pop(task, None)
            if not self._tasks:
                self.close()

    def message(self, message: str) -> None:
        """Print a line above the bars."""
        self._print(self._style.paint("yellow", fill(message, width_of(STDERR), 0, 2)))

    def debug(self, message: str) -> None:
        """Print a line above the bars if `--verbose` is set."""
        if self._verbose:
            self._print(self._style.paint("dim", message))

    def close(self) -> None:
        """End the display."""
        with self._guard:
            if self._timer:
                self._timer.cancel()
            if self._live:
                self._live.stop()
            self._timer = self._live = None

    def _start_display(self) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._guard:
            if self._timer is None or self._live is not None:
                return
            console = Console(stderr=True, no_color=not self._style.colour, highlight=False)
            self._live = Live(
                console=console,
                get_renderable=lambda: self._render_frame(console.width),
                refresh_per_second=_FRAMES_PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _render_frame(self, width: int) -> Text:
        from rich.text import Text

        self._frame += 1
        tasks = [tracked.current() for tracked in list(self._tasks.values())]
        lines = render(tasks, max(width - _RIGHT_MARGIN, 1), self._frame, self._style)
        return Text.from_ansi("\n".join(lines), no_wrap=True, overflow="ellipsis")

    def _print(self, text: str) -> None:
        with self._guard:
            if self._live is None:
                _write(text)
            else:
                from rich.text import Text

                self._live.console.print(Text.from_ansi(text), soft_wrap=True)


class ProgressLog:
    """Progress for logs: a line for each step that transfers or creates something."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose

    def step(self, task: str, step: str, total: int | None = None) -> None:
        """Print a task's step."""
        if self._verbose or not step.startswith(_QUIET_STEPS):
            self.message(f"{task}: {step}" + (f" ({size(total)})" if total else ""))

    def advance(self, task: str, count: int) -> None:
        """Print nothing: a log needs no percentages."""

    def done(self, task: str, step: str) -> None:
        """Print the result if `--verbose` is set; the command prints all results at its end."""
        self.debug(f"{task}: {step}")

    def message(self, message: str) -> None:
        """Print a line."""
        _write(message)

    def debug(self, message: str) -> None:
        """Print a line if `--verbose` is set."""
        if self._verbose:
            _write(message)


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
