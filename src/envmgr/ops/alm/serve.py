"""The command line that runs the server, which is a program of its own."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from envmgr.kit.environment import python
from envmgr.kit.errors import AlmError

if TYPE_CHECKING:
    from envmgr.ops.context import Context

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


def command_line(
    context: Context, *, host: str | None, port: int | None, data_dir: str | None, require_if_match: bool
) -> list[str]:
    """Return what to run; raise AlmError where the server's parts are not installed."""
    missing = [name for name in PARTS if importlib.util.find_spec(name) is None]
    if missing:
        raise AlmError(
            f"the server is not installed: it lacks {', '.join(missing)}",
            "pipx install --force 'envmgr[server]' (or pip install 'envmgr[server]') installs it",
        )
    line = [python(), "-m", PROGRAM, "serve", "all"]
    if host is not None:
        line += ["--host", host]
    if port is not None:
        line += ["--port", str(port)]
    if data_dir is not None:
        place = context.environment.expand(data_dir)
        line += ["--data-dir", os.path.normpath(os.path.join(context.environment.cwd, place))]
    return [*line, "--require-if-match"] if require_if_match else line
