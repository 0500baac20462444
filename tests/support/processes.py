"""Processes that a test knows by their IDs, and that need not be its children."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from support.programs import outliving_thread
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_running(process_id: int) -> bool:
    """Return whether a thread of a process runs.

    A process that has ended may remain a zombie until its parent asks. The first thread is one as well while others
    run on, and have the files and ports of the process open: a moment after SIGKILL, longer on a busy machine.
    """
    try:
        process = psutil.Process(process_id)
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


@contextmanager
def process_without_first_thread() -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process whose first thread has ended, and whose second ends with the standard input (Linux)."""
    command = [sys.executable, outliving_thread.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        wait_until(lambda: status_of(process) == "Z", "the first thread does not end")
        yield process


def end_input(process: subprocess.Popen[bytes]) -> None:
    """Close the standard input of a process and wait until its last thread has ended."""
    assert process.stdin is not None
    process.stdin.close()
    wait_until(lambda: not is_running(process.pid), "the process does not end")


def status_of(process: subprocess.Popen[bytes]) -> str:
    """Return the letter for the state of the first thread (Linux)."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
