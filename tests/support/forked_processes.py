"""Processes of Python programs, forked by `programs/fork_server.py`.

The imports take most of the processor time of a short run. A new interpreter runs programs whose environment configures
the interpreter, and all on other systems than Linux, or with ENVMGR_TEST_NEW_INTERPRETERS.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from support.programs import fork_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

CAN_FORK = sys.platform == "linux" and not os.environ.get("ENVMGR_TEST_NEW_INTERPRETERS")
"""Whether programs run in forked processes; read at import, as fixtures change the environment.

macOS ends or hangs forked processes that use some of its frameworks, which the modules have loaded.
"""
_INTERPRETER_VARIABLES = ("PYTHON", "LANG", "LC_", "LD_", "DYLD_")
"""Prefixes of variables that take effect when an interpreter starts."""


class RunningProcess(Protocol):
    """A process, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """The process ID."""
        ...

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code; raise TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless the process has ended."""
        ...

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        ...


class ForkServer:
    """A process that has imported modules, and is forked for each program; it starts with the first."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._modules = modules
        self._settings = interpreter_settings(environment)
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._request_number = 0

    def can_run(self, environment: Mapping[str, str]) -> bool:
        """Return whether a forked process is what a new interpreter would be in an environment."""
        return CAN_FORK and interpreter_settings(environment) == self._settings

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdout: Path,
        stderr: Path,
        stdin: Path = Path(os.devnull),
        directory: Path | None = None,
    ) -> ForkedProcess:
        """Start a program, the path of a script or the name of a module, with its arguments."""
        for stream in (stdout, stderr):
            stream.touch()  # exists when this returns, as with `subprocess`
        pid = self._ask(
            {
                "name": command[0],
                "arguments": list(command[1:]),
                "environment": dict(environment),
                "directory": str(directory or os.getcwd()),
                "stdin": str(stdin),
                "stdout": str(stdout),
                "stderr": str(stderr),
            }
        )
        assert pid is not None
        return ForkedProcess(pid, self)

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: str = "",
        directory: Path | None = None,
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; raise TimeoutExpired."""
        with tempfile.TemporaryDirectory(prefix="streams-") as streams:
            paths = {name: Path(streams, name) for name in ("stdin", "stdout", "stderr")}
            paths["stdin"].write_text(stdin, errors="surrogateescape")
            process = self.start(command, environment, directory=directory, **paths)
            try:
                code = process.wait(timeout)
            finally:
                process.kill()
            output, error = (paths[name].read_text(errors="surrogateescape") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(list(command), code, output, error)

    def exit_code(self, pid: int) -> int | None:
        """Return the exit code of a process, or None while it runs."""
        return self._ask(pid)

    def _ask(self, request: fork_server.Program | int) -> int | None:
        with self._lock:
            if self._connection is None:
                self._connection = self._launch()
            self._request_number += 1
            self._connection.send((self._request_number, request))
            return self._receive(self._connection)

    def _receive(self, connection: Connection) -> int | None:
        """Return the reply to the last request; discard those that a timeout of a test kept from being read."""
        while True:
            number, reply = connection.recv()
            if number == self._request_number:
                result: int | None = reply
                return result

    def _launch(self) -> Connection:
        connection, other = Pipe()
        process = subprocess.Popen(
            [sys.executable, fork_server.__file__, str(other.fileno()), *self._modules],
            env={"PATH": os.defpath, **self._settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[other.fileno()],
        )
        other.close()
        atexit.register(_end, process, connection)
        return connection


def _end(process: subprocess.Popen[bytes], connection: Connection) -> None:
    """End a fork server, which ends with its connection."""
    connection.close()
    process.wait()


def interpreter_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that configure the interpreter."""
    return {name: value for name, value in environment.items() if name.startswith(_INTERPRETER_VARIABLES)}


class ForkedProcess:
    """A process of a fork server."""

    def __init__(self, pid: int, server: ForkServer) -> None:
        self.pid = pid
        self._server = server
        self._lock = threading.Lock()
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        with self._lock:
            if self._code is None:
                self._code = self._server.exit_code(self.pid)
            return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code; raise TimeoutExpired."""
        if self.poll() is None:
            _await_end(self.pid, timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """Kill the process, unless it has ended; wait for its end."""
        self.send_signal(signal.SIGKILL)
        self.wait()


def _await_end(pid: int, timeout: float | None) -> None:
    """Wait for the end of a process, at most `timeout` seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return  # another thread has its exit code
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        ended.poll(None if timeout is None else max(0, timeout * 1000))
    finally:
        os.close(descriptor)
