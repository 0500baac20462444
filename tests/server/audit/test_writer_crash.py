"""The audit's process is killed repeatedly while it writes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from envmgr.kit.audit_log import checkpoint as checkpoints
from envmgr.server.kit.common.pages import PageRequest
from support.programs.write_audit_events import SIZE
from support.services.audit_fixtures import KEY, all_entries, event, run, verified
from support.services.database_runners import reads_sqlite_file
from support.services.service_fixtures import call

KILLS = 8
TESTS = Path(__file__).parents[2]
WRITER = TESTS / "support" / "programs" / "write_audit_events.py"


def deliver_until_killed(directory, first, batches):
    """Deliver events from `first` on, kill after some batches, and return the acknowledged events."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(
        [sys.executable, WRITER, directory, str(first)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        acknowledged = [int(process.stdout.readline()) for _ in range(batches)]
        process.kill()
        lines = process.stdout.read().split("\n")
    return [*acknowledged, *(int(line) for line in lines[:-1])]


@reads_sqlite_file
@pytest.mark.slow
def test_a_log_has_every_event_once_though_its_writer_is_killed_repeatedly(tmp_path):
    chance = random.Random(20)
    acknowledged: list[int] = []
    for _ in range(KILLS):
        # A relay redelivers events that were not acknowledged, and some others.
        first = max(1, max(acknowledged, default=0) - 60)
        acknowledged += deliver_until_killed(tmp_path, first, chance.randint(1, 20))

    async def look(audit, _):
        page = await audit.checkpoints(call(), PageRequest(limit=200))
        return await all_entries(audit), [msgspec.to_builtins(item) for item in page.items]

    entries, signed = run(tmp_path, look)
    numbers = {entry["source_sequence"] for entry in entries}
    assert {finding.kind for finding in verified(entries, signed)} <= {"gap"}
    assert all(numbers.issuperset(range(last - SIZE + 1, last + 1)) for last in acknowledged)
    assert all(checkpoints.verify_error(item, checkpoints.public_key(KEY)) is None for item in signed)

    async def deliver_all_again(audit, _):
        last = max(numbers)
        for start in range(1, last + 1, 200):
            await audit.append([event(number) for number in range(start, min(start + 200, last + 1))])
        return await all_entries(audit)

    log = run(tmp_path, deliver_all_again)
    assert log[: len(entries)] == entries
    assert sorted(entry["source_sequence"] for entry in log) == list(range(1, max(numbers) + 1))
    assert verified(log, signed) == []
