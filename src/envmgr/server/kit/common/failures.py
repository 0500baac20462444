"""Descriptions of errors for log events."""

from __future__ import annotations

from envmgr.kit.errors import EnvmgrError


def describe(error: BaseException) -> str:
    """Return the type and the message of an error, and what an operator does about it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    hint = f"; {error.hint}" if isinstance(error, EnvmgrError) and error.hint else ""
    return f"{type(error).__name__}: {error}{hint}"
