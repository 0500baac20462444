"""Identity of a process beyond its machine, and whether that process still runs."""

from __future__ import annotations

import os

from envmgr.kit.frozen import frozen

RUNNING, ENDED, UNKNOWN = "running", "ended", "unknown"

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PID_NAMESPACE = "/proc/self/ns/pid"
_START_TIME_FIELD = 19  # of those after the name in `/proc/PID/stat`: clock ticks since boot


@frozen
class ProcessIdentity:
    """A process: its machine, ID and start time, by which a reused ID is recognized.

    `machine` differs between boots and between containers, whose process IDs differ; it is empty if the system does
    not provide that.
    """

    machine: str
    pid: int
    started: str


def current() -> ProcessIdentity:
    """Return the identity of this process."""
    return ProcessIdentity(_machine(), os.getpid(), _start_time("self") or "")


def state(process: ProcessIdentity) -> str:
    """Return RUNNING or ENDED; UNKNOWN for a process of another machine."""
    if not process.machine or process.machine != _machine():
        return UNKNOWN
    started = _start_time(str(process.pid))
    if started is None and _is_alive(process.pid):
        return UNKNOWN
    return RUNNING if started == process.started else ENDED


def _is_alive(pid: int) -> bool:
    """Return whether a process exists that `/proc` may hide from other users."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return not _content(f"/proc/{pid}/stat")


def _machine() -> str:
    boot = _content(_BOOT_ID).strip()
    try:
        namespace = os.readlink(_PID_NAMESPACE)
    except OSError:
        return ""
    return ascii(f"{os.uname().nodename} {boot} {namespace}") if boot else ""


def _start_time(pid: str) -> str | None:
    """Return the start time of a process, None if it has ended."""
    fields = _content(f"/proc/{pid}/stat").rpartition(")")[2].split()
    has_ended = len(fields) <= _START_TIME_FIELD or fields[0] in {"Z", "X"}
    return None if has_ended else fields[_START_TIME_FIELD]


def _content(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
