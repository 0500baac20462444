"""An audit service over a real database file, and events for it."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from envmgr.kit.audit_log.hash_chain import Verifier
from envmgr.server.audit import module
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.common.pages import PageRequest
from support.services.service_fixtures import call, opened

KEY = hashlib.sha256(b"the audit's key").digest()
OLDEST_FIRST = "seq"


def event(number, source="app", **changes):
    """Create the n-th event of a source; the same arguments create the same event."""
    event = EventEnvelope(
        id=f"{source}-{number}",
        source=f"alm/{source}",
        type="AppUpdated",
        subject=f"app/{number}",
        time=rfc3339(1_700_000_000_000 + number * 1000),
        sequence=number,
        actor="user:ada",
        data={"app_id": number, "name": f"shop-{number}", "labels": ["é", None, True, {"deep": [1, 2]}]},
    )
    return msgspec.structs.replace(event, **changes)


def events(count, source="app"):
    return [event(number, source) for number in range(1, count + 1)]


def run(directory, scenario):
    """Run a scenario over a new service: `scenario(audit, database)`."""

    async def run_scenario():
        async with opened(directory, module) as database:
            return await scenario(module.make(database, KEY), database)

    return asyncio.run(run_scenario())


async def all_entries(audit):
    """Return the log from its first entry, as the API gives it, page by page."""
    entries, cursor = [], None
    while True:
        page = await audit.list(call(), PageRequest(limit=200, sort=OLDEST_FIRST, cursor=cursor), None, None)
        entries += [msgspec.to_builtins(entry) for entry in page.items]
        if page.next is None:
            return entries
        cursor = page.next


def verified(entries, checkpoints=()):
    """Return the findings of the verifier in a log."""
    verifier = Verifier(checkpoints)
    matches = [finding for entry in entries for finding in verifier.add(entry)]
    return [*matches, *verifier.finish()]
