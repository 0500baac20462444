"""Connections to PostgreSQL that end in the middle of a group of units, and what its callers learn."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import bindparam, func, insert, select

from envmgr.server.app import module
from envmgr.server.app.store import app
from envmgr.server.kit.common.problems import NotFound, ServiceUnavailable
from envmgr.server.kit.db.postgresql import pool
from envmgr.server.kit.db.postgresql.database import PostgresDatabase
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging.event_numbering import append_unnumbered, number_events
from envmgr.server.kit.messaging.outbox import Outbox
from support.services.cutting_proxy import cutting_proxy
from support.services.database_runners import open_postgres, postgres_databases, postgres_url
from support.services.event_recorders import domain_event
from support.services.postgres_server import NEEDS_POSTGRESQL

pytestmark = [pytest.mark.timeout(60), NEEDS_POSTGRESQL]
FIXED = {"description": "", "created_at": 1, "updated_at": 1, "rev": 1}
ADD = Statement(insert(app).values(name=bindparam("name"), folded=bindparam("name"), **FIXED))
NAMES = Statement(select(app.c.name).order_by(app.c.name))
SLEEP = Statement(select(func.pg_sleep(0.02)))
UNITS = 5
ALL = [f"app-{n}" for n in range(UNITS)]
UNKNOWN = "may have had its effect"


def add(name):
    def unit(transaction):
        transaction.insert(ADD, name=name)
        transaction.emit(domain_event(name))

    return unit


def run_with_proxy(directory, scenario):
    """Run a scenario with a database behind a proxy and one that is not, both of the same content."""

    async def main():
        url = await asyncio.to_thread(postgres_url, directory, module)
        port = postgres_databases().server.port
        async with cutting_proxy(port) as proxy, open_postgres(directory, module) as direct:
            database = PostgresDatabase(
                url.replace(f":{port}/", f":{proxy.port}/"), "app", append_unnumbered, number_events
            )
            await database.write(lambda _transaction: None)
            try:
                return await scenario(proxy, database, direct)
            finally:
                await database.close()

    return asyncio.run(main())


async def write_together(database, units):
    return await asyncio.gather(*map(database.write, units), return_exceptions=True)


async def stored(database):
    """Return the names of the rows and the numbers of the events."""
    rows = [name for (name,) in await database.read(lambda reader: reader.all(NAMES))]
    return rows, sorted(event.data["number"] for event in await Outbox(database, "app").pending(100))


@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
@pytest.mark.parametrize("marker", [b"BEGIN", b"INSERT INTO app", b"INSERT INTO outbox"])
def test_a_connection_that_ends_before_the_commit_fails_no_unit_of_its_group(tmp_path, cut, marker):
    async def scenario(proxy, database, direct):
        getattr(proxy, cut)(marker)
        assert await write_together(database, map(add, ALL)) == [None] * UNITS
        assert proxy.has_cut
        assert await stored(direct) == (ALL, ALL)

    run_with_proxy(tmp_path, scenario)


@pytest.mark.usefixtures("undivided_groups")
@pytest.mark.parametrize("units", [1, UNITS])
@pytest.mark.parametrize(("cut", "is_committed"), [("cut_before", False), ("cut_after", True)])
def test_a_connection_that_ends_in_the_commit_leaves_the_outcome_unknown(tmp_path, cut, is_committed, units):
    async def scenario(proxy, database, direct):
        getattr(proxy, cut)(b"COMMIT")
        results = await write_together(database, map(add, ALL[:units]))
        assert proxy.has_cut
        for result in results:
            assert isinstance(result, ServiceUnavailable)
            assert UNKNOWN in result.detail
            assert result.headers["retry-after"]
        expected = ALL[:units] if is_committed else []
        assert await stored(direct) == (expected, expected)

    run_with_proxy(tmp_path, scenario)


@pytest.mark.usefixtures("undivided_groups")
def test_the_outcome_of_a_unit_that_changed_nothing_is_known_although_that_of_its_group_is_not(tmp_path):
    def refuse(transaction):
        transaction.all(NAMES)
        raise NotFound("none")

    async def scenario(proxy, database, _direct):
        proxy.cut_after(b"COMMIT")
        _, count, refused = await write_together(
            database, [add("shop"), lambda transaction: transaction.all(NAMES), refuse]
        )
        for result in (count, refused):
            assert isinstance(result, ServiceUnavailable)
            assert UNKNOWN not in result.detail

    run_with_proxy(tmp_path, scenario)


@pytest.mark.parametrize("act", ["write", "read"])
def test_a_server_that_cannot_be_reached_is_not_waited_for_at_each_connection(tmp_path, monkeypatch, act):
    async def scenario(proxy, database, _direct):
        call = getattr(database, act)
        await asyncio.gather(*(call(lambda access: access.one(SLEEP)) for _ in range(4)))
        proxy.hang()
        monkeypatch.setattr(pool, "BEGIN_TIMEOUT_SECONDS", 0.2)
        async with asyncio.timeout(8):
            for _ in range(2):
                with pytest.raises(ServiceUnavailable, match="did not respond") as caught:
                    await call(lambda access: access.all(NAMES))
                assert caught.value.headers["retry-after"]
        proxy.resume()
        monkeypatch.undo()
        assert await call(lambda access: access.all(NAMES)) == []

    run_with_proxy(tmp_path, scenario)


def test_a_failed_unit_is_answered_although_its_transaction_could_not_be_ended(tmp_path):
    def fail(transaction):
        add("shop")(transaction)
        raise LookupError("mine")

    async def scenario(proxy, database, direct):
        proxy.cut_before(b"ROLLBACK")
        with pytest.raises(LookupError, match="mine"):
            await database.write(fail)
        assert proxy.has_cut
        await database.write(add("blog"))
        assert await stored(direct) == (["blog"], ["blog"])

    run_with_proxy(tmp_path, scenario)
