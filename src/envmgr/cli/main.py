"""The entry point: the commands people run all day start at once, the rest goes through typer."""

from __future__ import annotations

import os
import sys

from envmgr.cli.error_handler import Output, Terminated, run_guarded
from envmgr.cli.options import Options, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run envmgr and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_streams()
    return run_guarded(lambda: _run(words), Options(json=_wants_json(words)))


def _prepare_streams() -> None:
    """Let everything be printed: bytes of file names as they are, what the locale cannot spell as `?`."""
    import codecs

    codecs.register_error("envmgr", _spell_anyhow)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before we started
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as we run
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="envmgr")
    if not isinstance(sys.stdout, Output):
        setattr(sys, "stdout", Output(sys.stdout))  # noqa: B010 - it is what a command uses of a stream


def _spell_anyhow(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    spelled = error.object[error.start : error.end]
    return b"".join(_bytes_of(character) for character in spelled), error.end


def _bytes_of(character: str) -> bytes:
    is_byte = "\udc80" <= character <= "\udcff"  # how Python keeps bytes that are no text
    return bytes([ord(character) - 0xDC00]) if is_byte else b"?"


def _stop_on_sigterm() -> None:
    """Leave by the error boundary when asked to end, as on Ctrl-C."""
    import signal

    def stop(*_: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, stop)


def _run(words: list[str]) -> int:
    from envmgr.cli import fast_path
    from envmgr.kit.environment import current

    incomplete = current().get("_ENVMGR_COMPLETE")
    if incomplete:
        from envmgr.cli.completion import candidates

        return candidates.print_candidates(words, incomplete[1:])
    options, rest = split(words)
    command = fast_path.lookup(rest)
    if command is None or rest[0] in fast_path.LONG_RUNNING:
        _stop_on_sigterm()
    if command is not None:
        return command(options, rest[1:])
    from envmgr.cli import app

    return app.run(options, rest)


def _wants_json(words: list[str]) -> bool:
    return "--json" in words[: words.index("--") if "--" in words else None]
