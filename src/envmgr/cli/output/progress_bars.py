"""Progress bars on a terminal, by rich, which is imported when they are first displayed."""

from __future__ import annotations

import time
from _thread import RLock  # importing threading costs start-up time
from collections import deque

from envmgr.cli.output.progress import write_line
from envmgr.cli.output.progress_render import Task, render
from envmgr.cli.output.style import STDERR, width_of
from envmgr.cli.output.wrap import fill
from envmgr.kit.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Timer

    from rich.live import Live
    from rich.text import Text

    from envmgr.cli.output.style import Style

DISPLAY_DELAY_SECONDS = 0.2
"""Shorter work is not displayed, so that the terminal does not flicker."""
_FRAMES_PER_SECOND = 8
_SPEED_WINDOW_SECONDS = 5.0
_RIGHT_MARGIN = 3  # the terminal's echo of Ctrl-C must not begin a new line, which would be left over


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
        self._guard = RLock()
        self._timer: Timer | None = None
        self._live: Live | None = None
        self._frame = 0

    def step(self, task: str, step: str, total: int | None = None) -> None:
        """Show a task's next step with an empty bar."""
        with self._guard:
            self._tasks[task] = _Tracked(Task(task, step, 0, total))
            if self._live is None and self._timer is None:
                from threading import Timer

                self._timer = Timer(DISPLAY_DELAY_SECONDS, self._start_display)
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
                write_line(text)
            else:
                from rich.text import Text

                self._live.console.print(Text.from_ansi(text), soft_wrap=True)
