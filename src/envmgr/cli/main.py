"""The entry point: the commands people run all day start at once, the rest goes through typer."""

from __future__ import annotations

import sys

from envmgr.cli.boundary import Terminated, guarded
from envmgr.cli.options import Options, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run envmgr and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: _run(words), Options(json=_wants_json(words)))


def _stop_on_sigterm() -> None:
    """Leave by the error boundary when asked to end, as on Ctrl-C."""
    import signal

    def stop(*_: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, stop)


def _run(words: list[str]) -> int:
    from envmgr.cli import hot

    options, rest = split(words)
    command = hot.find(rest)
    if command is not None:
        return command(options, rest[1:])
    from envmgr.cli import app

    _stop_on_sigterm()
    return app.run(options, rest)


def _wants_json(words: list[str]) -> bool:
    return "--json" in words[: words.index("--") if "--" in words else None]
