"""Two processes that append to one log at once, as if both had the lease of its consumer."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from envmgr.server.audit import module
from envmgr.server.kit.common.problems import ServiceUnavailable
from support.services.audit_fixtures import KEY, all_entries, event, verified
from support.services.database_runners import open_postgres
from support.services.postgres_server import NEEDS_POSTGRESQL

pytestmark = NEEDS_POSTGRESQL
EVENTS, BATCH, MAX_DELIVERIES = 16, 2, 20
SOURCES = ("app", "version", "deployment", "audit", "gateway", "worker")


def test_events_that_both_append_are_in_one_chain_once(tmp_path):
    async def scenario():
        async with open_postgres(tmp_path, module) as first, open_postgres(tmp_path, module) as second:
            logs = [module.make(database, KEY) for database in (first, second)]
            await asyncio.gather(*(append_all(log, source) for log in logs for source in SOURCES))
            return await all_entries(logs[0])

    entries = asyncio.run(scenario())
    assert verified(entries) == []
    counts = Counter((entry["source_service"], entry["source_sequence"]) for entry in entries)
    assert counts == Counter((source, number) for source in SOURCES for number in range(1, EVENTS + 1))


async def append_all(log, source):
    """Append all events of a source in batches, each until it succeeds, as its consumer does."""
    for start in range(1, EVENTS + 1, BATCH):
        batch = [event(number, source) for number in range(start, start + BATCH)]
        for _ in range(MAX_DELIVERIES):
            with suppress(ServiceUnavailable):
                await log.append(batch)
                break
