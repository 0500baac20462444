"""The one place where errors become words and exit codes."""

from __future__ import annotations

import sys

from envmgr.kit.errors import EnvmgrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.cli.options import Options

BUG = 3
INTERRUPTED = 130
TERMINATED = 143


class Terminated(BaseException):
    """SIGTERM arrived."""


def guarded(work: Callable[[], int], options: Options) -> int:
    """Run a command; return its exit code, or the one of the error it ended with."""
    try:
        return _ended(work, options)
    except KeyboardInterrupt:
        return _stopped("interrupted", INTERRUPTED)
    except Terminated:
        return _stopped("terminated", TERMINATED)
    except BrokenPipeError:
        return _reader_gone()


def _ended(work: Callable[[], int], options: Options) -> int:
    try:
        return _flushed(work())
    except EnvmgrError as error:
        return _flushed(_expected(error, options))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever else escapes is a bug of ours, and is logged whole
        return _flushed(_bug(error, options))


def _flushed(code: int) -> int:
    """Bring out what was printed: a full disk is known only now."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_output()
        print_error(f"cannot write the output: {error.strerror}", None)
        return code or EnvmgrError.exit_code
    return code


def _expected(error: EnvmgrError, options: Options) -> int:
    if options.json:
        _print_json(error.code, error.message, error.hint)
    else:
        print_error(error.message, error.hint)
    return error.exit_code


def _print_json(code: str, message: str, hint: str | None) -> None:
    from envmgr.cli.session import print_json

    print_json({"schema": "envmgr/error/1", "code": code, "message": message, "hint": hint})


def print_error(message: str, hint: str | None) -> None:
    """Say on stderr what went wrong and what to do."""
    from envmgr.cli.style import STDERR, style_of

    style = style_of(STDERR)
    lines = [f"{style.paint('error', 'error:')} {_filled(message, 'error: ')}"]
    if hint:
        lines.append(f"{style.paint('hint', 'hint:')} {_filled(hint, 'hint: ')}")
    _write_err("\n".join(lines) + "\n")


def _filled(text: str, label: str) -> str:
    """Break a text where the terminal ends; a log, or whoever searches one, gets it in one piece."""
    from envmgr.cli.style import STDERR, width_of
    from envmgr.kit.environment import is_terminal

    if not is_terminal(STDERR):
        return text
    from envmgr.cli.wrap import fill

    return fill(text, width_of(STDERR), len(label), 2)


def _write_err(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BrokenPipeError:
        _reader_gone()


def _stopped(how: str, code: int) -> int:
    """Leave at once: what other threads still download is not waited for, it goes on at the next run."""
    import contextlib
    import os

    _write_err(f"{how}\n")
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def _reader_gone() -> int:
    """End quietly when whoever read our output has left (`envmgr list | head -1`)."""
    _drop_output()
    return 0


def _drop_output() -> None:
    """Let Python's own flush, when it ends, go nowhere."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bug(error: Exception, options: Options) -> int:
    from envmgr.cli.bug import log

    path = log(error)
    message = f"this is a bug in envmgr: {type(error).__name__}: {error}"
    hint = f"the details are in {path}" if path else None
    if options.json:
        _print_json("bug", message, hint)
    else:
        print_error(message, hint)
    return BUG
