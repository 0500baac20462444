"""Structured logging to standard error: one line an event, JSON or human-readable on a terminal.

Requests are logged by path, without query, headers or body: no secret reaches the log.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from envmgr.kit.environment import is_terminal
from envmgr.server.kit.common.absent_modules import absent_module
from envmgr.server.kit.security.redaction import redact

# For tracebacks in colour, which logs do not have, structlog imports rich: a tenth of the server's start.
with absent_module("rich"):
    import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

STDERR_FD = 2
_encode = msgspec.json.Encoder(enc_hook=repr).encode


class Log(Protocol):
    """Structured logger; `event` is a constant snake_case name, variables are fields."""

    def debug(self, event: str, **values: object) -> object:
        """Log diagnostic detail."""
        ...

    def info(self, event: str, **values: object) -> object:
        """Log normal operation."""
        ...

    def warning(self, event: str, **values: object) -> object:
        """Log a condition that needs attention."""
        ...

    def error(self, event: str, **values: object) -> object:
        """Log a failure."""
        ...


def create_logger(level: str) -> Log:
    """Create the process's logger, which also receives log records of libraries."""
    number = logging.getLevelName(level.upper())
    render, timestamps = (_console_renderer(), "%H:%M:%S") if is_terminal(STDERR_FD) else (_as_json, "iso")
    log: Log = structlog.wrap_logger(
        _FdWriter(STDERR_FD),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt=timestamps, utc=timestamps == "iso"),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    ).bind()
    logging.basicConfig(handlers=[_StdlibHandler(log)], level=max(number, logging.WARNING), force=True)
    return log


def printable(text: str) -> str:
    """Return untrusted text with control characters escaped, safe for a terminal."""
    return text if text.isprintable() else ascii(text)


class _FdWriter:
    """Write lines to a file descriptor, ignoring a closed reader."""

    def __init__(self, descriptor: int) -> None:
        self._file = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115 - the descriptor belongs to the process, not to this object

    def write(self, line: str | bytes) -> None:
        data = line.encode("utf-8", "backslashreplace") if isinstance(line, str) else line
        with suppress(OSError):
            self._file.write(data + b"\n")

    msg = debug = info = warning = error = critical = write


class _StdlibHandler(logging.Handler):
    """Forward library log records."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        extra = {"exc_info": record.exc_info} if record.exc_info else {}
        write(redact(record.getMessage()), library=record.name, **extra)


def _as_json(_logger: object, _name: str, event: MutableMapping[str, Any]) -> bytes:
    first = {name: event.pop(name) for name in ("timestamp", "level", "event")}
    return _encode({**first, **event})


def _console_renderer() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        pad_event_to=0, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )
