"""Error boundary: prints errors and maps them to exit codes."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from envmgr.cli.options import Options
    from envmgr.kit.errors import EnvmgrError

FAILURE_EXIT_CODE = 1
INTERNAL_ERROR_EXIT_CODE = 3
SIGINT = 2
SIGNAL_EXIT_CODE_BASE = 128


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived: `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class OutputError(Exception):
    """Writing to standard output failed."""


class Output:
    """Standard output, with errors distinct from those of files that a command uses."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; raise OutputError on failure, BrokenPipeError if the reader has closed the pipe."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise _to_output_error(error) from error

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines; raise as `write` does."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream; raise as `write` does."""
        try:
            self._stream.flush()
        except OSError as error:
            raise _to_output_error(error) from error

    def __getattr__(self, name: str) -> object:
        """Return any other attribute of the stream."""
        return getattr(self._stream, name)


def _to_output_error(error: OSError) -> Exception:
    return error if isinstance(error, BrokenPipeError) else OutputError(error.strerror)


def run_guarded(work: Callable[[], int], options: Options) -> int:
    """Run a command; return its exit code, or that of the error it raised."""
    try:
        return _exit_code(work, options)
    except KeyboardInterrupt:
        return _exit_by_signal("interrupted", SIGINT)
    except Terminated as error:
        return _exit_by_signal("terminated", error.number)
    except BrokenPipeError:
        return _on_broken_pipe()


def _exit_code(work: Callable[[], int], options: Options) -> int:
    try:
        return _flush(_run_to_exit_code(work, options))
    except OutputError as error:
        return _print_output_error(error, FAILURE_EXIT_CODE)


def _run_to_exit_code(work: Callable[[], int], options: Options) -> int:
    try:
        return work()
    except (BrokenPipeError, OutputError):
        raise
    except Exception as error:  # noqa: BLE001 - errors are printed here: this is the boundary
        return _print_caught_error(error, options)


def _flush(code: int) -> int:
    """Flush standard output, where a full disk may show only now; return the exit code."""
    try:
        sys.stdout.flush()
    except OutputError as error:
        return _print_output_error(error, code or FAILURE_EXIT_CODE)
    return code


def _print_output_error(error: OutputError, code: int) -> int:
    _drop_output()
    print_error(f"cannot write to stdout: {error}", None)
    return code


def _print_caught_error(error: Exception, options: Options) -> int:
    """Print an error that users can resolve, or log any other: that is a bug; return the exit code."""
    from envmgr.kit.errors import EnvmgrError

    if isinstance(error, EnvmgrError):
        return _print_expected_error(error, options)
    return _print_internal_error(error, options)


def _print_expected_error(error: EnvmgrError, options: Options) -> int:
    if options.json:
        _print_json(error.code, error.message, error.hint)
    else:
        print_error(error.message, error.hint)
    return error.exit_code


def _print_json(code: str, message: str, hint: str | None) -> None:
    from envmgr.cli.console import print_json

    print_json({"schema": "envmgr/error/1", "code": code, "message": message, "hint": hint})


def print_error(message: str, hint: str | None) -> None:
    """Print an error and its hint to stderr."""
    from envmgr.cli.output.style import STDERR, style_of

    style = style_of(STDERR)
    lines = [f"{style.paint('error', 'error:')} {_wrap_text(message, 'error: ')}"]
    if hint:
        lines.append(f"{style.paint('hint', 'hint:')} {_wrap_text(hint, 'hint: ')}")
    _write_err("\n".join(lines) + "\n")


def _wrap_text(text: str, label: str) -> str:
    """Wrap a text to the terminal; logs get it on one line, so that it can be searched."""
    from envmgr.cli.output.style import STDERR, width_of
    from envmgr.kit.environment import is_terminal

    if not is_terminal(STDERR):
        return text
    from envmgr.cli.output.wrap import fill

    return fill(text, width_of(STDERR), len(label), 2)


def _write_err(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BrokenPipeError:
        _on_broken_pipe()


def _exit_by_signal(reason: str, number: int) -> int:
    """Exit by a signal, so that shells end their loops; other threads' downloads resume at the next run."""
    import contextlib
    import os
    import signal

    with contextlib.suppress(OSError, OutputError):
        _write_err(f"{reason}\n")
    with contextlib.suppress(OSError, OutputError):
        sys.stdout.flush()
    if sys.platform != "win32":
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(SIGNAL_EXIT_CODE_BASE + number)  # also as process 1 of a container, which signals do not end


def _on_broken_pipe() -> int:
    """Exit without an error when the reader has closed the pipe (`envmgr list | head -1`)."""
    _drop_output()
    return 0


def _drop_output() -> None:
    """Redirect stdout to the null device, so that Python's flush at exit cannot fail."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_internal_error(error: Exception, options: Options) -> int:
    from envmgr.cli.crash_log import log

    path = log(error)
    message = f"internal error: {type(error).__name__}: {error}"
    hint = f"report this bug; details: {path}" if path else "report this bug"
    if options.json:
        _print_json("internal-error", message, hint)
    else:
        print_error(message, hint)
    return INTERNAL_ERROR_EXIT_CODE
