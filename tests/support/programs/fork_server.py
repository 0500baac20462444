"""Fork server: imports modules once and forks for each program that runs with them.

Run as `python fork_server.py FILE_DESCRIPTOR MODULE...`; the first is that of a connection. A request is a `Program`,
answered with the ID of its process; or the ID of a process, answered with its exit code, or None while it runs. Each
has a number, which its reply repeats: a client that was interrupted has not read the reply of its last request.
"""

from __future__ import annotations

import gc
import os
import runpy
import sys
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TypedDict


class Program(TypedDict):
    """A Python program, a path or the name of a module, and its process; streams are paths."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    directory: str
    stdin: str
    stdout: str
    stderr: str


def serve(connection: Connection) -> Program | None:
    """Answer requests until the connection ends; in the process of a program, return it."""
    exit_codes: dict[int, int] = {}
    while True:
        try:
            number, request = receive(connection)
        except EOFError:
            return None
        if isinstance(request, int):
            connection.send((number, exit_code(request, exit_codes)))
        elif pid := os.fork():
            exit_codes.pop(pid, None)  # of an earlier process
            connection.send((number, pid))
        else:
            connection.close()
            return request


def receive(connection: Connection) -> tuple[int, Program | int]:
    """Return the next request and its number; raise EOFError."""
    number, request = connection.recv()
    return number, request


def exit_code(process: int, exit_codes: dict[int, int]) -> int | None:
    """Return the exit code of a process as `subprocess` does, or None while it runs; record it."""
    if process not in exit_codes:
        pid, status = os.waitpid(process, os.WNOHANG)
        if not pid:
            return None
        exit_codes[process] = os.waitstatus_to_exitcode(status)
    return exit_codes[process]


def run(program: Program) -> None:
    """Run the program in this process, with what a new one would have been started with."""
    os.chdir(program["directory"])
    os.environ.clear()
    os.environ.update(program["environment"])
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for stream, path, flags in (
        (0, program["stdin"], os.O_RDONLY),
        (1, program["stdout"], append),
        (2, program["stderr"], append),
    ):
        descriptor = os.open(path, flags, 0o644)
        os.dup2(descriptor, stream)
        os.close(descriptor)
    sys.argv = [program["name"], *program["arguments"]]
    if os.sep in program["name"]:
        runpy.run_path(program["name"], run_name="__main__")
    else:
        runpy.run_module(program["name"], run_name="__main__", alter_sys=True)


def main(descriptor: str, *modules: str) -> None:
    """Import modules, and run programs in processes of their own."""
    for module in modules:
        import_module(module)
    gc.collect()
    gc.freeze()
    program = serve(Connection(int(descriptor)))
    if program is not None:
        run(program)


if __name__ == "__main__":
    main(*sys.argv[1:])
