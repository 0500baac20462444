"""Processes on file systems without locks exclude each other, also after kills."""

from __future__ import annotations

import os
import signal
import time

import pytest

from envmgr.kit import platform
from support.http import faults
from support.machine import odd_file_systems
from support.matrices import sample
from support.waiting import wait_until

pytestmark = odd_file_systems.needs_preload()

ARCHIVE = f"/alpha/1.1.0/alpha-1.1.0-{platform.current().key}.tar.gz"
PROCESSES = 8
DEADLINE_SECONDS = 120


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory):
    return odd_file_systems.preload(tmp_path_factory.mktemp("library"))


@pytest.fixture
def lockless(two_tools, preloaded):
    """Return a machine whose file systems have no locks."""
    two_tools.variables.update(odd_file_systems.without_locks(preloaded))
    return two_tools


def lock_files(box):
    names = [path.name for folder in ("locks", "staging") for path in (box.home / folder).glob("*")]
    return [name for name in names if ".owner" in name or name.startswith(".clock")]


@pytest.mark.parametrize(
    "error", sample(odd_file_systems.LOCK_ERRORS, every=len(odd_file_systems.LOCK_ERRORS))
)
def test_tools_are_installed_used_and_removed(two_tools, preloaded, error):
    two_tools.variables.update(odd_file_systems.without_locks(preloaded, error))
    warnings = [line for line in two_tools.ok("install").err.splitlines() if line.startswith("warning:")]
    assert all("manifest" in line for line in warnings), warnings
    two_tools.ok("use", "alpha", "1.0.0")
    two_tools.ok("uninstall", "alpha@1.1.0")
    assert two_tools.command(["alpha"]).out == "alpha 1.0.0\n"
    assert lock_files(two_tools) == []
    findings = two_tools.ok("doctor", "--json").json["findings"]
    assert any("has no locks" in finding["message"] for finding in findings)


@pytest.mark.slow
def test_processes_share_one_download_and_lose_nothing(lockless):
    lockless.publish("gamma")
    commands = [("install",), ("use", "gamma", "^1"), ("reshim",), ("install", "alpha@2.0.0")]
    processes = [lockless.start(*commands[number % len(commands)]) for number in range(PROCESSES)]
    results = [(process.communicate(timeout=240), process.returncode) for process in processes]
    assert [code for _, code in results] == [0] * PROCESSES, results
    archives = [path for path in lockless.server.paths if path.endswith(".tar.gz")]
    assert sorted(archives) == sorted(set(archives))
    assert "gamma=^1\n" in (lockless.project / ".envmgr").read_text()
    lockless.ok("install")
    assert sorted(lockless.lock["resolved"]) == ["alpha@^1.0", "beta@latest", "gamma@^1"]
    assert lock_files(lockless) == []
    assert (lockless.incomplete(), lockless.staged()) == ([], [])


@pytest.mark.slow
def test_a_killed_owner_blocks_nothing(lockless):
    page = lockless.server.page(ARCHIVE)
    page.faults.append(faults.stalled(after=10, times=1))
    process = lockless.start("install", "alpha")
    wait_until(lambda: ARCHIVE in lockless.server.paths, seconds=DEADLINE_SECONDS)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert lock_files(lockless)
    waiting = [lockless.start("install") for _ in range(4)]  # all of them find the lock of an ended process
    results = [(process.communicate(timeout=240), process.returncode) for process in waiting]
    assert [code for _, code in results] == [0] * 4, results
    assert lockless.command(["alpha"]).out == "alpha 1.1.0\n"
    assert lock_files(lockless) == []


def test_a_process_with_locks_waits_for_a_lock_file(two_tools, preloaded):
    page = two_tools.server.page(ARCHIVE)
    page.faults.append(faults.stalled(after=10, times=1))
    owner = two_tools.start("install", "alpha", env=odd_file_systems.without_locks(preloaded))
    wait_until(lambda: ARCHIVE in two_tools.server.paths, seconds=DEADLINE_SECONDS)
    assert any("download" in name for name in lock_files(two_tools))
    other = two_tools.start("install", "alpha")
    time.sleep(1)
    assert other.poll() is None
    assert two_tools.server.paths.count(ARCHIVE) == 1
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate(timeout=60)
    other.communicate(timeout=240)
    assert other.returncode == 0
