"""`envmgr exec`: run a command with the project's or the named tools; what shims call when they have no plan."""

from __future__ import annotations

from envmgr.cli.console import confirm_with, open_context
from envmgr.kit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from envmgr.cli.options import Options
    from envmgr.kit.progress import Progress
    from envmgr.resolve.context import Context


def run(options: Options, words: Sequence[str]) -> int:
    """Become the command; return only on Windows, with its exit code."""
    if options.json:
        raise UsageError("exec takes no --json: what is printed is the command's own", "leave --json out")
    watcher = _LazyProgress(options)
    context = open_context(options, None if options.verbose else watcher)
    try:
        return _run(context, words, confirm_with(options))
    finally:
        watcher.close()


def _run(context: Context, words: Sequence[str], confirm: Callable[[str], bool]) -> int:
    from envmgr.ops import exec_

    if words[:1] == ["--shim"]:
        command, arguments = words[1], words[2:]
        arguments = arguments[1:] if arguments[:1] == ["--"] else arguments
        return exec_.run_shim(context, command, arguments, confirm)
    tools, command_line = _split(words)
    return exec_.run(context, tools, command_line, confirm)


class _LazyProgress:
    """A watcher that is made when there is something to see: most commands run without installing anything."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._real: Progress | None = None
        self._block: AbstractContextManager[Progress] | None = None

    def _delegate(self) -> Progress:
        if self._real is None:
            from envmgr.cli.output.progress import show_progress

            self._block = show_progress(self._options)
            self._real = self._block.__enter__()
        return self._real

    def step(self, task: str, what: str, total: int | None = None) -> None:
        """Pass it on."""
        self._delegate().step(task, what, total)

    def advance(self, task: str, count: int) -> None:
        """Pass it on."""
        self._delegate().advance(task, count)

    def done(self, task: str, what: str) -> None:
        """Pass it on; with the last task the display ends, so that the command finds the terminal as it was."""
        self._delegate().done(task, what)

    def message(self, message: str) -> None:
        """Pass it on."""
        self._delegate().message(message)

    def debug(self, message: str) -> None:
        """Pass it on, if somebody wants it."""
        if self._options.verbose:
            self._delegate().debug(message)

    def close(self) -> None:
        """Give the terminal back."""
        if self._block is not None:
            self._block.__exit__(None, None, None)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    at = words.index("--") if "--" in words else len(words)
    tools, command_line = list(words[:at]), list(words[at + 1 :])
    if not command_line:
        raise UsageError(
            "exec needs a command after --", "for example: envmgr exec nodejs@20 -- node --version"
        )
    return tools, command_line
