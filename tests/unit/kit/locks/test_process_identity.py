"""States of processes: running, ended or unknown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envmgr.kit.locks import process_identity
from envmgr.kit.locks.process_identity import ENDED, RUNNING, UNKNOWN, ProcessIdentity, current, state
from support.processes import end_input, process_without_first_thread

pytestmark = pytest.mark.skipif(not current().machine, reason="the system does not identify processes")


def fail_to_read_status(monkeypatch, failures):
    """Replace the next readings of the status of processes by failures, as without a free descriptor."""
    read, remaining = process_identity._content, iter(range(failures))

    def read_or_fail(path):
        is_failure = path.endswith("/stat") and next(remaining, None) is not None
        return "" if is_failure else read(path)

    monkeypatch.setattr(process_identity, "_content", read_or_fail)


def test_a_running_process_is_recognized_by_its_start_time():
    this = current()
    assert state(this) == RUNNING
    assert state(ProcessIdentity(this.machine, this.pid, "1")) == ENDED


def test_a_process_is_running_whose_status_cannot_be_read_once(monkeypatch):
    this = current()
    fail_to_read_status(monkeypatch, 1)
    assert state(this) == RUNNING


def test_a_reused_id_is_recognized_although_the_status_cannot_be_read_once(monkeypatch):
    this = current()
    fail_to_read_status(monkeypatch, 1)
    assert state(ProcessIdentity(this.machine, this.pid, "1")) == ENDED


def test_a_process_whose_status_is_hidden_is_unknown(monkeypatch):
    this = current()
    fail_to_read_status(monkeypatch, 1000)
    assert state(this) == UNKNOWN


def test_a_process_that_could_not_read_its_own_start_time_is_unknown(monkeypatch):
    fail_to_read_status(monkeypatch, 1)
    assert state(current()) == UNKNOWN


def test_a_process_of_another_machine_is_unknown():
    this = current()
    assert state(ProcessIdentity(f"{this.machine} other", this.pid, this.started)) == UNKNOWN
    assert state(ProcessIdentity("", this.pid, this.started)) == UNKNOWN


def test_a_process_that_does_not_exist_has_ended():
    code = "from envmgr.kit.locks.process_identity import current; print(current().started)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        started = process.communicate(timeout=60)[0].strip()
        ended = ProcessIdentity(current().machine, process.pid, started)
    assert started
    assert state(ended) == ENDED


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no state of the first thread")
def test_a_process_runs_until_its_last_thread_ends():
    """Its open files, and the locks on them, remain as long."""
    with process_without_first_thread() as process:
        identity = ProcessIdentity(current().machine, process.pid, start_of(process.pid))
        assert state(identity) == RUNNING
        end_input(process)
        assert state(identity) == ENDED


def start_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def test_a_zombie_has_ended():
    code = "from envmgr.kit.locks.process_identity import current; print(current().started)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        started = process.stdout.read().strip()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        zombie = ProcessIdentity(current().machine, process.pid, started)
        assert state(zombie) == ENDED
        assert process.wait(timeout=60) == 0
