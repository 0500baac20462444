"""A program that delivers events to an audit log and reports its progress, for tests that kill it.

`write_audit_events.py DIRECTORY FIRST`: delivers, from FIRST on, batches of some hundred events in the way of a relay,
several at once, and prints the last event of each batch that is on disk.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from envmgr.server.audit import module
from support.services.audit_fixtures import KEY, event
from support.services.service_fixtures import opened

SIZE, AT_ONCE = 25, 4


async def deliver(directory: str, first: int) -> None:
    async with opened(Path(directory), module) as database:
        audit = module.make(database, KEY)
        while True:
            starts = range(first, first + AT_ONCE * SIZE, SIZE)
            await asyncio.gather(*(_batch(audit, start) for start in starts))
            first += AT_ONCE * SIZE
            await audit.checkpoint_if_changed()


async def _batch(audit, start: int) -> None:
    last = start + SIZE - 1
    await audit.append([event(number) for number in range(start, last + 1)])
    sys.stdout.write(f"{last}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(deliver(sys.argv[1], int(sys.argv[2])))
