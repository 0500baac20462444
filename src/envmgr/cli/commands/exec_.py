"""`envmgr exec` and `envmgr x`: run a command with tools; shims call `exec` without a plan."""

from __future__ import annotations

from envmgr.cli.console import confirm_with, open_context
from envmgr.kit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from envmgr.cli.options import Options
    from envmgr.kit.progress import Progress
    from envmgr.ops.confirmation import Confirm
    from envmgr.resolve.context import Context


def run(options: Options, args: Sequence[str]) -> int:
    """Replace the process with the command; return its exit code on Windows only."""
    return _run_with_progress(options, "exec", lambda context: _run(context, args, confirm_with(options)))


def run_x(options: Options, args: Sequence[str]) -> int:
    """Replace the process with a command of tools that are installed if missing; return only on Windows."""
    return _run_with_progress(options, "x", lambda context: _run_x(context, args))


def _run_with_progress(options: Options, name: str, work: Callable[[Context], int]) -> int:
    if options.json:
        raise UsageError(f"--json is not supported by {name}", "omit --json")
    display = _LazyProgress(options)
    context = open_context(options, None if options.verbose else display)
    try:
        return work(context)
    finally:
        display.close()


def _run_x(context: Context, args: Sequence[str]) -> int:
    from envmgr.ops import run_tool

    if "--" not in args:
        return run_tool.run_own_command(context, args[0], args[1:])
    tools, command_line = _split(args, "x")
    return run_tool.run(context, tools, command_line)


def _run(context: Context, args: Sequence[str], confirm: Confirm) -> int:
    from envmgr.ops import exec_

    if args[:1] == ["--shim"]:
        command, arguments = args[1], args[2:]
        arguments = arguments[1:] if arguments[:1] == ["--"] else arguments
        return exec_.run_shim(context, command, arguments, confirm)
    tools, command_line = _split(args, "exec")
    return exec_.run(context, tools, command_line, confirm)


class _LazyProgress:
    """Progress that is created on first use: most commands run without installing anything."""

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

    def step(self, task: str, step: str, total: int | None = None) -> None:
        """Delegate."""
        self._delegate().step(task, step, total)

    def advance(self, task: str, count: int) -> None:
        """Delegate."""
        self._delegate().advance(task, count)

    def done(self, task: str, step: str) -> None:
        """Delegate; the display ends with the last task, so that the command gets a clean terminal."""
        self._delegate().done(task, step)

    def message(self, message: str) -> None:
        """Delegate."""
        self._delegate().message(message)

    def debug(self, message: str) -> None:
        """Delegate if `--verbose` is set."""
        if self._options.verbose:
            self._delegate().debug(message)

    def close(self) -> None:
        """End the display."""
        if self._block is not None:
            self._block.__exit__(None, None, None)


def _split(args: Sequence[str], name: str) -> tuple[list[str], list[str]]:
    at = args.index("--") if "--" in args else len(args)
    tools, command_line = list(args[:at]), list(args[at + 1 :])
    if not command_line:
        raise UsageError(
            "missing command after --", f"for example: envmgr {name} nodejs@20 -- node --version"
        )
    return tools, command_line
