"""Identity of a process beyond its machine, and whether that process still runs."""

from __future__ import annotations

import os

from envmgr.kit.frozen import frozen

RUNNING, ENDED, UNKNOWN = "running", "ended", "unknown"

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PID_NAMESPACE = "/proc/self/ns/pid"
# Fields after the name in `/proc/PID/stat`: the number of threads, and clock ticks from the boot to the start.
_THREADS_FIELD, _START_TIME_FIELD = 17, 19


@frozen
class ProcessIdentity:
    """A process: its machine, ID and start time, by which a reused ID is recognized.

    `machine` differs between boots and between containers, whose process IDs differ; it is empty if the system does
    not provide that. `started` is empty if the start time could not be read.
    """

    machine: str
    pid: int
    started: str


def current() -> ProcessIdentity:
    """Return the identity of this process."""
    return ProcessIdentity(_machine(), os.getpid(), _start_time(_status("self")))


def state(process: ProcessIdentity) -> str:
    """Return RUNNING or ENDED; UNKNOWN for a process of another machine, or without a readable status."""
    if not (process.machine and process.started) or process.machine != _machine():
        return UNKNOWN
    status = _status(str(process.pid))
    if not status and _is_id_in_use(process.pid):
        # Reading may fail once, for example without a free descriptor, and always where `/proc` hides other users.
        status = _status(str(process.pid))
        if not status:
            return UNKNOWN
    return RUNNING if _start_time(status) == process.started else ENDED


def _is_id_in_use(pid: int) -> bool:
    """Return whether a process has this ID, even one that `/proc` hides or that has ended."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _machine() -> str:
    boot = _content(_BOOT_ID).strip()
    try:
        namespace = os.readlink(_PID_NAMESPACE)
    except OSError:
        return ""
    return ascii(f"{os.uname().nodename} {boot} {namespace}") if boot else ""


def _status(pid: str) -> str:
    """Return the status of a process; empty if it has ended, or if reading fails."""
    return _content(f"/proc/{pid}/stat")


def _start_time(status: str) -> str:
    """Return the start time in the status of a process; empty if the process has ended."""
    fields = status.rpartition(")")[2].split()
    if len(fields) <= _START_TIME_FIELD:
        return ""
    # The first thread of a killed process may be a zombie while others complete their writes.
    has_ended = fields[0] in {"Z", "X"} and int(fields[_THREADS_FIELD]) <= 1
    return "" if has_ended else fields[_START_TIME_FIELD]


def _content(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
