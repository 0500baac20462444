"""Descriptions of errors, for log events, readiness and stored failures."""

from __future__ import annotations

from envmgr.kit.errors import EnvmgrError


def describe(error: BaseException) -> str:
    """Return the type and the message of an error, if it has one, and what an operator does about it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    hint = f"; {error.hint}" if isinstance(error, EnvmgrError) and error.hint else ""
    message = f": {error}" if str(error) else ""
    return f"{type(error).__name__}{message}{hint}"


def summarize(error: BaseException) -> str:
    """Return the message of an error, or its type if it has none, for messages to users."""
    return str(error) or type(error).__name__
