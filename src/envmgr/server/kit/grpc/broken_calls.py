"""Log records of the gRPC library for calls whose connection broke."""

from __future__ import annotations

import logging
from typing import Literal

from grpc._cython import cygrpc  # type: ignore[attr-defined] # an extension module without stubs

BROKEN_CALL_EVENT = "grpc_call_broken"
_LOGGER_NAMES = ("grpc._cython.cygrpc", "asyncio")
"""The library logs a failed operation itself, or leaves it in a task whose exception the event loop logs."""


def shorten_broken_calls() -> None:
    """Log a call whose connection broke as one warning; call it again without effect.

    A peer may end at any moment of a call. What the library could not send then is logged as an error with a
    traceback, as a fault of the server would be.
    """
    for name in _LOGGER_NAMES:
        logging.getLogger(name).addFilter(_shorten)


def _shorten(record: logging.LogRecord) -> Literal[True]:
    """Replace a record of a broken call; keep all others."""
    if record.exc_info and isinstance(record.exc_info[1], cygrpc.ExecuteBatchError):
        record.msg, record.args, record.exc_info = BROKEN_CALL_EVENT, (), None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    return True
