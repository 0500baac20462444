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
        return _flushed(work())
    except EnvmgrError as error:
        return _expected(error, options)
    except KeyboardInterrupt:
        return _stopped("interrupted", INTERRUPTED)
    except Terminated:
        return _stopped("terminated", TERMINATED)
    except BrokenPipeError:
        return _reader_gone()
    except Exception as error:  # noqa: BLE001 - whatever else escapes is a bug of ours, and is logged whole
        return _bug(error, options)


def _flushed(code: int) -> int:
    sys.stdout.flush()
    return code


def _expected(error: EnvmgrError, options: Options) -> int:
    if options.json:
        _print_json({"code": error.code, "message": error.message, "hint": error.hint})
    else:
        print_error(error.message, error.hint)
    return error.exit_code


def _print_json(content: dict[str, object]) -> None:
    import json

    sys.stdout.write(json.dumps({"schema": "envmgr/error/1", **content}, ensure_ascii=False, indent=2) + "\n")


def print_error(message: str, hint: str | None) -> None:
    """Say on stderr what went wrong and what to do."""
    from envmgr.cli.style import STDERR, style_of

    style = style_of(STDERR)
    sys.stdout.flush()
    lines = [f"{style.paint('error', 'error:')} {message}"]
    if hint:
        lines.append(f"{style.paint('hint', 'hint:')} {hint}")
    _write_err("\n".join(lines) + "\n")


def _write_err(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BrokenPipeError:
        _reader_gone()


def _stopped(how: str, code: int) -> int:
    """Leave at once: what other threads still download is not waited for, it goes on at the next run."""
    import os

    _write_err(f"{how}\n")
    sys.stdout.flush()
    os._exit(code)


def _reader_gone() -> int:
    """End quietly when whoever read our output has left (`envmgr list | head -1`)."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _bug(error: Exception, options: Options) -> int:
    from envmgr.cli.bug import log

    path = log(error)
    message = f"this is a bug in envmgr: {type(error).__name__}: {error}"
    hint = f"the details are in {path}" if path else None
    if options.json:
        _print_json({"code": "bug", "message": message, "hint": hint})
    else:
        print_error(message, hint)
    return BUG
