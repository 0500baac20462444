"""The one place where errors become words and exit codes."""

from __future__ import annotations

import sys

from envmgr.kit.errors import EnvmgrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from envmgr.cli.options import Options

BUG = 3
INTERRUPTED = 130
TERMINATED = 143


class Terminated(BaseException):
    """SIGTERM arrived."""


class OutputError(Exception):
    """Standard output takes nothing: its disk is full, perhaps."""


class Output:
    """Standard output, whose errors are told from those of the files that a command works with."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write; raise Unwritable where that cannot be done, BrokenPipeError where nobody reads any more."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise _of_output(error) from error

    def writelines(self, lines: Iterable[str]) -> None:
        """Write line after line, as `write` does."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Bring out what was written; raise as `write` does."""
        try:
            self._stream.flush()
        except OSError as error:
            raise _of_output(error) from error

    def __getattr__(self, name: str) -> object:
        """Be like the stream in all else."""
        return getattr(self._stream, name)


def _of_output(error: OSError) -> Exception:
    return error if isinstance(error, BrokenPipeError) else OutputError(error.strerror)


def run_guarded(work: Callable[[], int], options: Options) -> int:
    """Run a command; return its exit code, or the one of the error it ended with."""
    try:
        return _exit_code(work, options)
    except KeyboardInterrupt:
        return _stopped("interrupted", INTERRUPTED)
    except Terminated:
        return _stopped("terminated", TERMINATED)
    except BrokenPipeError:
        return _on_broken_pipe()


def _exit_code(work: Callable[[], int], options: Options) -> int:
    try:
        return _flushed(_run_to_exit_code(work, options))
    except OutputError as error:
        return _not_written(error, EnvmgrError.exit_code)


def _run_to_exit_code(work: Callable[[], int], options: Options) -> int:
    try:
        return work()
    except EnvmgrError as error:
        return _print_expected_error(error, options)
    except (BrokenPipeError, OutputError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever else escapes is a bug of ours, and is logged whole
        return _bug(error, options)


def _flushed(code: int) -> int:
    """Bring out what was printed: of a full disk, nothing may be known before."""
    try:
        sys.stdout.flush()
    except OutputError as error:
        return _not_written(error, code or EnvmgrError.exit_code)
    return code


def _not_written(error: OutputError, code: int) -> int:
    _drop_output()
    print_error(f"cannot write the output: {error}", None)
    return code


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
    """Say on stderr what went wrong and what to do."""
    from envmgr.cli.output.style import STDERR, style_of

    style = style_of(STDERR)
    lines = [f"{style.paint('error', 'error:')} {_wrap_text(message, 'error: ')}"]
    if hint:
        lines.append(f"{style.paint('hint', 'hint:')} {_wrap_text(hint, 'hint: ')}")
    _write_err("\n".join(lines) + "\n")


def _wrap_text(text: str, label: str) -> str:
    """Break a text where the terminal ends; a log, or whoever searches one, gets it in one piece."""
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


def _stopped(how: str, code: int) -> int:
    """Leave at once: what other threads still download is not waited for, it goes on at the next run."""
    import contextlib
    import os

    _write_err(f"{how}\n")
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def _on_broken_pipe() -> int:
    """End quietly when whoever read our output has left (`envmgr list | head -1`)."""
    _drop_output()
    return 0


def _drop_output() -> None:
    """Let Python's own flush, when it ends, go nowhere."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bug(error: Exception, options: Options) -> int:
    from envmgr.cli.crash_log import log

    path = log(error)
    message = f"this is a bug in envmgr: {type(error).__name__}: {error}"
    hint = f"the details are in {path}" if path else None
    if options.json:
        _print_json("bug", message, hint)
    else:
        print_error(message, hint)
    return BUG
