"""Install scripts: run in a process group that is ended completely."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from envmgr.kit import environment
from envmgr.kit.errors import ScriptError
from envmgr.kit.fs import make_dir, storage_errors
from envmgr.kit.windows import command_line

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

POLL_INTERVAL_SECONDS = 0.1
KILL_GRACE_SECONDS = 2.0  # seconds between asking a script's processes to end and ending them
_MAX_ERROR_LINES = 12
_MAX_ERROR_BYTES = 8192


def run(script: str, tree: str, variables: Mapping[str, str], log: str, stop: threading.Event) -> None:
    """Run a script in a tree with its output in a log; raise ScriptError with the last lines on failure.

    The script and its children are one process group, which is ended when the script ends and when `stop` is set.
    Not for the main thread: a signal handler could raise there between two steps and lose the process.
    """
    make_dir(os.path.dirname(log))
    with storage_errors(log), open(log, "wb") as output:
        process = _start(script, tree, variables, output.fileno())
        try:
            status = _wait(process, stop)
        finally:
            _terminate_group(process)
    if status != 0:
        raise ScriptError(
            f"install script {_exit_description(status)}; log: {log}{_last_lines(log)}",
            "see the last lines above for the missing dependency, then retry",
        )


def _start(script: str, tree: str, variables: Mapping[str, str], output: int) -> subprocess.Popen[bytes]:
    if sys.platform == "win32":
        command, group = _windows_command(script, tree), subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        command, group = ["sh", "-eu", "-c", script, "install-script"], 0
    return subprocess.Popen(  # noqa: S603 - the script is trusted: its manifest is built in, or its digest is
        command,
        cwd=tree,
        env=_environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        creationflags=group,
    )


def _windows_command(script: str, tree: str) -> str | list[str]:
    file = os.path.join(os.path.dirname(tree), "install-script.cmd")
    with open(file, "w", encoding="utf-8", newline="\r\n") as batch:
        batch.write(f"@echo off\n{script}\n")
    return command_line.start_words(file, (), environment.current().variables)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without envmgr's settings, which may be credentials."""
    inherited = environment.current().variables
    inherited_variables = {name: value for name, value in inherited.items() if not name.startswith("ENVMGR_")}
    return {**inherited_variables, **variables}


def _wait(process: subprocess.Popen[bytes], stop: threading.Event) -> int:
    while not stop.is_set():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(POLL_INTERVAL_SECONDS)
    raise KeyboardInterrupt


def _terminate_group(process: subprocess.Popen[bytes]) -> None:
    """End the remaining processes of a script's group."""
    if sys.platform == "win32":
        _end_on_windows(process)
    else:
        try:
            _request_end(process)
        finally:
            _signal(process.pid, signal.SIGKILL)
    process.wait()


def _request_end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILL_GRACE_SECONDS)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(
        ProcessLookupError, PermissionError
    ):  # macOS returns the latter for a group of zombies
        os.killpg(group, number)


def _end_on_windows(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        subprocess.run(  # noqa: S603 - a program of Windows with a number
            ["taskkill", "/T", "/F", "/PID", str(process.pid)],  # noqa: S607 - found on PATH, as cmd is
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


def _exit_description(status: int) -> str:
    return f"exited with status {status}" if status >= 0 else f"was killed by signal {-status}"


def _last_lines(log: str) -> str:
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _MAX_ERROR_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()[-_MAX_ERROR_LINES:]
    return "".join(f"\n  {_printable(line)}" for line in lines if line.strip())


def _printable(line: str) -> str:
    """Escape control characters in the output of a script, so that an error cannot move the cursor."""
    return "".join(character if character.isprintable() else " " for character in line.expandtabs())
