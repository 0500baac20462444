"""Progress display: bars on a terminal, plain lines elsewhere, none with `--quiet` or `--json`."""

from __future__ import annotations

import contextlib
import sys
from _thread import RLock  # importing threading costs start-up time

from envmgr.cli.output.style import STDERR, style_of
from envmgr.kit.environment import is_terminal, variable
from envmgr.kit.progress import NullProgress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.cli.options import Options
    from envmgr.kit.progress import Progress

_QUIET_STEPS = ("waiting", "resolving", "finishing", "listing", "checking")


@contextlib.contextmanager
def show_progress(options: Options) -> Iterator[Progress]:
    """Show the progress of the block on stderr."""
    if (options.quiet or options.json) and not options.verbose:
        yield NullProgress()
    elif _should_show_bars() and not options.json:
        from envmgr.cli.output.progress_bars import ProgressBars

        bars = ProgressBars(style_of(STDERR), verbose=options.verbose)
        with contextlib.closing(bars), contextlib.closing(ClosableProgress(bars)) as progress:
            yield progress
    else:
        with contextlib.closing(ClosableProgress(ProgressLog(verbose=options.verbose))) as progress:
            yield progress


def _should_show_bars() -> bool:
    return is_terminal(STDERR) and not variable("CI") and variable("TERM") != "dumb"


class ClosableProgress:
    """Progress that ignores all calls after it is closed, and repeated messages.

    Threads may still run when a command has ended; they must not print after its result.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._messages: set[str] = set()
        self._guard = RLock()

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


class ProgressLog:
    """Progress for logs: a line for each step that transfers or creates something."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose

    def step(self, task: str, step: str, total: int | None = None) -> None:
        """Print a task's step."""
        if self._verbose or not step.startswith(_QUIET_STEPS):
            self.message(f"{task}: {step}{_size_text(total)}")

    def advance(self, task: str, count: int) -> None:
        """Print nothing: a log needs no percentages."""

    def done(self, task: str, step: str) -> None:
        """Print the result if `--verbose` is set; the command prints all results at its end."""
        self.debug(f"{task}: {step}")

    def message(self, message: str) -> None:
        """Print a line."""
        write_line(message)

    def debug(self, message: str) -> None:
        """Print a line if `--verbose` is set."""
        if self._verbose:
            write_line(message)


def _size_text(total: int | None) -> str:
    if not total:
        return ""
    from envmgr.cli.output.units import size

    return f" ({size(total)})"


def write_line(line: str) -> None:
    """Write a line to stderr at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
