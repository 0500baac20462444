"""Commands of the ALM server, `envmgr-alm`: those that end, and those that serve.

Most run in a forked process: the server's imports take four fifths of the processor time of a start.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from support.forked_processes import ForkServer, interpreter_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from support.forked_processes import RunningProcess

PROGRAM = "envmgr.server"
COMMAND_TIMEOUT_SECONDS = 120
SERVER_MODULES = (
    "alembic.command",
    "alembic.runtime.environment",
    "envmgr.server.bootstrap.backend",
    "envmgr.server.bootstrap.embedded",
    "envmgr.server.kit.http.server",
    "envmgr.server.kit.telemetry.logs",
    "envmgr.server.main.offline",
    "envmgr.server.main.serve",
    "uvloop",
)
"""Modules of nearly every command; what else a command needs, it imports in its own process."""
FORK_SERVER = ForkServer(SERVER_MODULES, os.environ)


def launch(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    *,
    fork_server: ForkServer = FORK_SERVER,
) -> RunningProcess:
    """Start a command with its output appended to a file."""
    if fork_server.can_run(environment):
        return fork_server.start([PROGRAM, *arguments], environment, stdout=log, stderr=log)
    return launch_in_new_interpreter(arguments, environment, log)


def launch_in_new_interpreter(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, prefix: Sequence[str] = ()
) -> RunningProcess:
    """Start a command as a user does, or by a program, with its output appended to a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [*prefix, *interpreter_command(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )


def run(
    *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `environment` is added to this process's."""
    return _run(arguments, {**os.environ, **(environment or {})}, stdin)


def run_with_only(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with no other variables than these and those of the interpreter."""
    return _run(arguments, {**interpreter_settings(os.environ), "PATH": os.defpath, **environment}, "")


def run_in_new_interpreter(
    *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as a user does; `environment` is added to this process's."""
    return _run_in_new_interpreter(arguments, {**os.environ, **(environment or {})}, stdin)


def _run(
    arguments: Sequence[str], environment: Mapping[str, str], stdin: str
) -> subprocess.CompletedProcess[str]:
    if not FORK_SERVER.can_run(environment):
        return _run_in_new_interpreter(arguments, environment, stdin)
    return FORK_SERVER.run([PROGRAM, *arguments], environment, stdin=stdin, timeout=COMMAND_TIMEOUT_SECONDS)


def _run_in_new_interpreter(
    arguments: Sequence[str], environment: Mapping[str, str], stdin: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        interpreter_command(arguments),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_SECONDS,
        check=False,
        env=environment,
    )


def interpreter_command(arguments: Sequence[str]) -> list[str]:
    """Return the command line of a new interpreter."""
    return [sys.executable, "-m", PROGRAM, *arguments]
