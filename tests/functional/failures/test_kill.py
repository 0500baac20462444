"""`envmgr install` killed anywhere: nothing is incomplete or lost, and the next run succeeds."""

from __future__ import annotations

import json
import random
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import support.programs

if TYPE_CHECKING:
    from support.machine.sandbox import Sandbox

KILLER = Path(support.programs.__path__[0]) / "killer"
BATCHES = 4
POINTS_A_BATCH = 10
MOMENTS = 6
LARGE_BALLAST = 40
LARGE_BATCHES = 2
LARGE_STEP = 17


def kill_variables(sandbox: Sandbox, operation: int, count: Path | None = None) -> dict[str, str]:
    variables = {"PYTHONPATH": str(KILLER), "KILL_ROOT": str(sandbox.root), "KILL_AT": str(operation)}
    return {**variables, "KILL_COUNT": str(count)} if count else variables


def fresh(machine: Sandbox) -> None:
    for directory in ("installs", "shims", "plans", "cache", "locks", "staging", "logs"):
        shutil.rmtree(machine.home / directory, ignore_errors=True)
    (machine.project / ".envmgr.lock").unlink(missing_ok=True)


def check_whole(machine: Sandbox) -> None:
    """Check that every installation is complete."""
    assert machine.incomplete() == []
    for shim in machine.shims.glob("[!.]*"):
        text = shim.read_text()
        assert text.startswith("#!/bin/")
        assert text.endswith('exec "$@"\n')
    assert (machine.project / ".envmgr").read_text() == "alpha=^1.0\nbeta=latest  # the newest\n"
    lock = machine.project / ".envmgr.lock"
    if lock.exists():
        assert json.loads(lock.read_text())["lockfile"] == 1


def check_next_run_succeeds(machine: Sandbox) -> None:
    machine.ok("install", "--quiet")
    check_whole(machine)
    assert machine.staged() == []
    assert machine.lock["resolved"] == {"alpha@^1.0": "1.1.0", "beta@latest": "1.2.0"}
    assert machine.command(["alpha"]).out == "alpha 1.1.0\n"


def acts_of_a_run(machine: Sandbox) -> int:
    count = machine.root / "count"
    machine.ok("install", "--quiet", env=kill_variables(machine, 0, count))
    return int(count.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_kill_at_any_file_operation_leaves_a_consistent_state(two_tools, batch):
    total = acts_of_a_run(two_tools)
    points = [
        1 + (batch + BATCHES * number) * total // (BATCHES * POINTS_A_BATCH)
        for number in range(POINTS_A_BATCH)
    ]
    assert total > 50
    for point in points:
        fresh(two_tools)
        killed = two_tools.run("install", "--quiet", env=kill_variables(two_tools, point))
        ended_first = killed.code == 0 and point > total * 0.9  # threads make no two runs quite the same
        assert killed.code == -signal.SIGKILL or ended_first, (point, total, killed)
        check_whole(two_tools)
        check_next_run_succeeds(two_tools)


@pytest.fixture
def large_tool(two_tools: Sandbox) -> Sandbox:
    """Return a machine whose first tool is unpacked while it arrives."""
    two_tools.publish("alpha", ("1.1.0",), commands=("alpha", "alpha-helper"), ballast=LARGE_BALLAST)
    return two_tools


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(LARGE_BATCHES))
def test_a_kill_while_an_archive_arrives_leaves_a_consistent_state(large_tool, batch):
    total = acts_of_a_run(large_tool)
    for point in range(1 + batch * LARGE_STEP, total, LARGE_STEP * LARGE_BATCHES):
        fresh(large_tool)
        large_tool.run("install", "--quiet", env=kill_variables(large_tool, point))
        check_whole(large_tool)
        check_next_run_succeeds(large_tool)


@pytest.mark.slow
def test_a_kill_at_any_time_leaves_a_consistent_state(two_tools):
    dice = random.Random(1)
    for _ in range(MOMENTS):
        fresh(two_tools)
        process = two_tools.start("install", "--quiet")
        try:
            process.wait(timeout=dice.uniform(0.05, 0.9))
        except Exception:  # noqa: BLE001 - still running, which is what is wanted
            process.kill()
        process.communicate()
        check_whole(two_tools)
        check_next_run_succeeds(two_tools)
