"""A service whose database turns out to be an older copy while it runs."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from envmgr.server.app import module
from envmgr.server.app.store import add, app
from envmgr.server.bootstrap import older_copy_guard
from envmgr.server.bootstrap.older_copy_guard import OlderCopyGuard
from envmgr.server.bootstrap.postgres_backend import PostgresBackend
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.event_state import ConsumerState, EventState
from envmgr.server.kit.messaging.outbox import Outbox
from support.services.database_runners import postgres_url
from support.services.event_recorders import domain_event
from support.services.postgres_server import NEEDS_POSTGRESQL

NAMES = Statement(select(app.c.name))


def audit_received(sequence):
    """Return the known states of the events of peers: an audit log that has events of apps."""
    state = EventState(0, {}, (ConsumerState("audit", ("*",), {"app": sequence}),))
    return SimpleNamespace(known={"audit": state})


def create_app(name):
    def unit(transaction):
        transaction.emit(domain_event(name))
        return add(transaction, name, "").name

    return unit


@NEEDS_POSTGRESQL
@pytest.mark.timeout(120)
def test_a_database_that_lacks_what_others_have_received_takes_no_changes(tmp_path):
    url = postgres_url(tmp_path, module)

    async def main():
        guard = OlderCopyGuard()
        backend = PostgresBackend("", {"app": url}, guard.require_current)
        database = backend.open("app")
        compared = Outbox(database, "app"), DeadLetters(database, "app")
        assert await database.write(create_app("one")) == "one"
        assert await guard.compare(*compared, audit_received(1)) == []
        assert await database.write(create_app("two")) == "two"

        assert await guard.compare(*compared, audit_received(3))
        with pytest.raises(
            ServiceUnavailable, match="the database of app ends at event 2, but audit"
        ) as caught:
            await database.write(create_app("three"))
        assert "`envmgr-alm restore --accept-gap SERVICE`" in caught.value.detail
        assert await database.write(lambda transaction: transaction.all(NAMES)) == [("one",), ("two",)]
        await database.close()

    asyncio.run(main())


def test_a_comparison_that_began_earlier_does_not_end_last(monkeypatch):
    """A probe begins while no peer has responded; the comparison after it knows the audit log."""

    async def main():
        delays = {"none": 0.05, "audit": 0.0}

        async def find_older_copy(_outbox, _dead_letters, peer):
            await asyncio.sleep(delays[peer])
            return [] if peer == "none" else ["the database of app ends at event 2"]

        monkeypatch.setattr(older_copy_guard, "find_older_copy", find_older_copy)
        guard = OlderCopyGuard()
        comparisons = [guard.compare(None, None, SimpleNamespace(known=peer)) for peer in delays]
        await asyncio.gather(*comparisons)
        with pytest.raises(ServiceUnavailable, match="ends at event 2"):
            guard.require_current()

    asyncio.run(main())
