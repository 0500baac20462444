"""Running the server, which is a program of its own."""

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
PARTS = (
    "litestar",
    "msgspec",
    "uvicorn",
    "sqlalchemy",
    "alembic",
    "jwt",
    "argon2",
    "structlog",
    "prometheus_client",
    "stamina",
)
"""What the extra `server` installs, by the names it is imported by."""


@frozen
class ServeOptions:
    """What the server is to do; None is left to it."""

    host: str | None = None
    port: int | None = None
    data_dir: str | None = None
    log_level: str | None = None
    require_if_match: bool = False


def serve(context: Context, wish: ServeOptions) -> int:
    """Become the server, so that signals reach it and it alone; return only on Windows, with its exit code."""
    program, *arguments = command_line(context, wish)
    return execution.exec_program(program, arguments, context.environment.variables)


def command_line(context: Context, wish: ServeOptions) -> list[str]:
    """Return what to run; raise AlmError where the server's parts are not installed."""
    missing = [name for name in PARTS if importlib.util.find_spec(name) is None]
    if missing:
        from envmgr.kit.distribution import requirement

        raise AlmError(
            f"the server is not installed: it lacks {', '.join(missing)}",
            f"run `pipx install --force '{requirement('server')}'`",
        )
    given = {
        "--host": wish.host,
        "--port": wish.port,
        "--data-dir": _place(context, wish.data_dir),
        "--log-level": wish.log_level,
    }
    options = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    switches = ["--require-if-match"] if wish.require_if_match else []
    return [python(), "-m", PROGRAM, "serve", "all", *options, *switches]


def _place(context: Context, directory: str | None) -> str | None:
    """Return a directory as it is meant: from where the command runs, which `-C` may say."""
    if directory is None:
        return None
    if not directory.strip():
        raise UsageError("--data-dir is empty", "name a directory, or leave --data-dir out")
    return os.path.normpath(os.path.join(context.environment.cwd, context.environment.expand(directory)))
