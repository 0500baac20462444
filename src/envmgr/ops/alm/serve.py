"""Start of the server, which is a separate program."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from envmgr.kit.environment import python
from envmgr.kit.errors import AlmError, UsageError
from envmgr.kit.frozen import frozen
from envmgr.shells import execution

if TYPE_CHECKING:
    from envmgr.resolve.context import Context

PROGRAM = "envmgr.server"
REQUIRED_MODULES = (
    "litestar",
    "msgspec",
    "uvicorn",
    "sqlalchemy",
    "alembic",
    "jwt",
    "argon2",
    "structlog",
    "prometheus_client",
)
"""Modules that the extra `server` installs."""


@frozen
class ServeOptions:
    """Options of the server; None leaves the default to it."""

    host: str | None = None
    port: int | None = None
    data_dir: str | None = None
    log_level: str | None = None
    require_if_match: bool = False


def serve(context: Context, serve_options: ServeOptions) -> int:
    """Replace the process with the server, so that signals reach it; return its exit code on Windows only."""
    program, *arguments = command_line(context, serve_options)
    return execution.exec_program(program, arguments, context.environment.variables)


def command_line(context: Context, serve_options: ServeOptions) -> list[str]:
    """Return the command line; raise AlmError if the extra `server` is not installed."""
    missing = [name for name in REQUIRED_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        from envmgr.kit.distribution import requirement

        raise AlmError(
            f"server extra not installed (missing {', '.join(missing)})",
            f"run `pipx install --force '{requirement('server')}'`",
        )
    values = {
        "--host": serve_options.host,
        "--port": serve_options.port,
        "--data-dir": _absolute_path(context, serve_options.data_dir),
        "--log-level": serve_options.log_level,
    }
    options = [arg for name, value in values.items() if value is not None for arg in (name, str(value))]
    switches = ["--require-if-match"] if serve_options.require_if_match else []
    return [python(), "-m", PROGRAM, "serve", "all", *options, *switches]


def _absolute_path(context: Context, directory: str | None) -> str | None:
    """Return an absolute path, relative ones from the working directory (or `-C`)."""
    if directory is None:
        return None
    if not directory.strip():
        raise UsageError("empty --data-dir", "pass a directory, or omit --data-dir")
    return os.path.normpath(os.path.join(context.environment.cwd, context.environment.expand(directory)))
