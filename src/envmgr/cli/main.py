"""Entry point: fast commands run without typer, all others through it."""

from __future__ import annotations

import os
import sys

from envmgr.cli import module_finder
from envmgr.cli.error_handler import Output, Terminated, run_guarded
from envmgr.cli.options import Options, count_own_arguments, split
from envmgr.kit.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run envmgr and return its exit code; without arguments, run the command line of the process."""
    command_line = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        module_finder.install()
    runner = _Runner(_exit_at_once if arguments is None else _return)
    _prepare_streams()
    return run_guarded(lambda: _run(command_line, runner), Options(json=_should_print_json(command_line)))


def _prepare_streams() -> None:
    """Ensure that all text can be printed.

    Undecodable bytes of file names are printed as they are, other characters as `?`.
    """
    import codecs

    codecs.register_error("envmgr", _encode_or_replace)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before the start
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="envmgr")
    if not isinstance(sys.stdout, Output):
        setattr(sys, "stdout", Output(sys.stdout))  # noqa: B010 - Output has all that commands use of a stream


def _encode_or_replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return b"".join(_bytes_of(character) for character in text), error.end


def _bytes_of(character: str) -> bytes:
    is_byte = "\udc80" <= character <= "\udcff"  # a lone surrogate: Python's form of an undecodable byte
    return bytes([ord(character) - 0xDC00]) if is_byte else b"?"


def _stop_on_signals() -> None:
    """Raise Terminated on SIGTERM and SIGHUP, which the error boundary handles like Ctrl-C."""
    import signal

    def stop(number: int, _frame: object) -> None:
        raise Terminated(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # `nohup` ignores SIGHUP
            signal.signal(number, stop)


class _Runner:
    """Runs a command; `end` gets its exit code, and returns it or ends the process."""

    def __init__(self, end: Callable[[int], int]) -> None:
        self._end = end

    def run(self, command: Callable[[], int]) -> int:
        """Run a command."""
        return self._end(command())

    def run_briefly(self, command: Callable[[], int]) -> int:
        """Run a command that needs little memory without garbage collection."""
        import gc

        gc.disable()
        try:
            return self.run(command)
        finally:
            gc.enable()


def _return(code: int) -> int:
    return code


def _exit_at_once(code: int) -> int:
    """End the process: tearing Python down takes longer than most commands.

    Return the exit code if something is left to do: other threads, or what is registered to run at exit, such as the
    measurement of coverage.
    """
    import atexit

    sys.stdout.flush()
    sys.stderr.flush()
    threads = sys.modules.get("threading")
    if threads is not None and threads.active_count() > 1:
        return code
    if getattr(atexit, "_ncallbacks", lambda: 1)():  # CPython only
        return code
    os._exit(code)


def _run(command_line: list[str], runner: _Runner) -> int:
    from envmgr.cli import fast_path
    from envmgr.kit.environment import variable

    incomplete = variable("_ENVMGR_COMPLETE")
    if incomplete:
        from envmgr.cli.completion import candidates

        return runner.run_briefly(lambda: candidates.print_candidates(command_line, incomplete[1:]))
    options, args = split(command_line)
    options = replace(options, arguments=tuple(args))
    code = fast_path.print_recorded(options)
    if code is not None:
        return runner.run_briefly(lambda: code)
    command = fast_path.lookup(args)
    if command is None:
        return _run_without_fast_path(options, args, runner)
    if args[0] in fast_path.LONG_RUNNING:
        _stop_on_signals()
    if command in fast_path.READ_ONLY or args[0] == "alm":
        return runner.run_briefly(lambda: command(options, args[1:]))
    return runner.run(lambda: command(options, args[1:]))


def _run_without_fast_path(options: Options, args: list[str], runner: _Runner) -> int:
    from envmgr.cli import help_page

    print_page = help_page.lookup(options, args)
    if print_page is not None:
        return runner.run_briefly(lambda: print_page(options))
    _stop_on_signals()
    if args[0] == "help" and any(arg.startswith("--man") for arg in args):
        from envmgr.cli import man_page

        if man_page.is_requested(args):
            return man_page.run(options, args)
    if args[0] == "help":
        args = [*args[1:], "--help"]
    return _run_alm(options, args, runner) if args[0] == "alm" else _run_parsed(options, args)


def _run_alm(options: Options, args: list[str], runner: _Runner) -> int:
    """Run a command of `envmgr alm` with its global options, without the parser in its usual form."""
    from envmgr.cli.alm import fast_path, global_options

    options, args = global_options.split(options, args)
    command = fast_path.lookup(args[1:])
    return _run_parsed(options, args) if command is None else runner.run_briefly(lambda: command(options))


def _run_parsed(options: Options, args: list[str]) -> int:
    from envmgr.cli import app

    return app.run(options, args)


def _should_print_json(command_line: list[str]) -> bool:
    return "--json" in command_line[: count_own_arguments(command_line)]
