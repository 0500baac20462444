"""Units of PostgreSQL that wait for connections and permissions, and callers that do not."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.util.concurrency import await_

from envmgr.server.app import module
from envmgr.server.app.store import app
from envmgr.server.kit.common.deadlines import deadline_in, remaining_seconds
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.postgresql import pool
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.db.unit_calls import UnitCalls
from support.services.database_runners import connections_in_use, open_postgres
from support.services.postgres_server import NEEDS_POSTGRESQL

pytestmark = [pytest.mark.timeout(60), NEEDS_POSTGRESQL]
FIXED = {"description": "", "created_at": 1, "updated_at": 1, "rev": 1}
ADD = Statement(insert(app).values(name=bindparam("name"), folded=bindparam("name"), **FIXED))
NAMES = Statement(select(app.c.name).order_by(app.c.name))
TOUCH = Statement(update(app).values(rev=app.c.rev + 1).where(app.c.folded == bindparam("name")))
REVISION = Statement(select(app.c.rev).where(app.c.folded == bindparam("name")))


def add(name):
    return lambda transaction: transaction.insert(ADD, name=name)


def run_with_database(directory, work):
    async def main():
        async with open_postgres(directory, module) as database:
            return await work(database)

    return asyncio.run(main())


async def names(database):
    return [name for (name,) in await database.read(lambda reader: reader.all(NAMES))]


def test_a_unit_whose_deadline_passed_before_it_began_is_not_run(tmp_path):
    async def work(database):
        async with connections_in_use(database):
            with deadline_in(0.05):
                late = asyncio.ensure_future(database.write(add("late")))
            patient = asyncio.ensure_future(database.write(add("patient")))
            await asyncio.sleep(0.1)
        with pytest.raises(ServiceUnavailable, match="deadline of the request exceeded") as caught:
            await late
        assert caught.value.headers["retry-after"]
        await patient
        assert await names(database) == ["patient"]

    run_with_database(tmp_path, work)


def test_a_unit_whose_caller_is_gone_before_it_began_is_not_run(tmp_path):
    async def work(database):
        async with connections_in_use(database):
            cancelled, patient = (
                asyncio.ensure_future(database.write(add(name))) for name in ("gone", "patient")
            )
            await asyncio.sleep(0.01)
            cancelled.cancel()
        await patient
        assert await names(database) == ["patient"]

    run_with_database(tmp_path, work)


def test_a_unit_in_conflict_is_not_run_again_after_its_deadline(tmp_path):
    async def work(database):
        await database.write(add("shop"))
        async with open_postgres(tmp_path, module) as other:
            attempts = []

            def unit(transaction):
                attempts.append(transaction.one(REVISION, name="shop"))
                await_(other.write(lambda rival: rival.execute(TOUCH, name="shop")))
                await_(asyncio.sleep(remaining_seconds(10) + 0.05))
                transaction.execute(TOUCH, name="shop")

            with deadline_in(1), pytest.raises(ServiceUnavailable, match="deadline"):
                await database.write(unit)
        assert attempts == [(1,)]

    run_with_database(tmp_path, work)


def test_a_call_within_a_unit_has_the_deadline_of_its_request(tmp_path):
    async def work(database):
        with deadline_in(7):
            limited = asyncio.ensure_future(database.write(lambda _transaction: remaining_seconds(100)))
        unlimited = await database.write(lambda _transaction: remaining_seconds(100))
        assert await limited < 7
        assert unlimited == 100

    run_with_database(tmp_path, work)


def test_a_permission_that_is_not_confirmed_does_not_delay_what_its_group_has_written(tmp_path):
    async def confirm(event):
        try:
            async with asyncio.timeout(remaining_seconds(30)):
                await event.wait()
        except TimeoutError:
            raise ServiceUnavailable("not confirmed") from None

    async def work(database):
        calls, confirmation = UnitCalls(), asyncio.Event()
        attempts = []

        def unit(transaction):
            attempts.append("hanging")
            calls.wait(confirm(confirmation))
            add("hanging")(transaction)

        first, hanging, last = (
            asyncio.ensure_future(database.write(work)) for work in (add("first"), unit, add("last"))
        )
        async with asyncio.timeout(20):
            await asyncio.gather(first, last)
        assert await names(database) == ["first", "last"]
        assert not hanging.done()
        confirmation.set()
        await hanging
        assert await names(database) == ["first", "hanging", "last"]
        assert len(attempts) <= 2

    run_with_database(tmp_path, work)


@pytest.mark.usefixtures("undivided_groups")
def test_a_unit_whose_call_ends_just_before_its_limit_is_written_by_itself(tmp_path):
    """The timers of uvloop are up to a millisecond early."""

    async def work(database):
        attempts = []

        def unit(transaction):
            attempts.append(remaining_seconds(30))
            if attempts[-1] < 30:
                await_(asyncio.sleep(remaining_seconds(30) - 0.002))
                raise ServiceUnavailable("not confirmed")
            add("second")(transaction)

        await asyncio.gather(*map(database.write, (add("first"), unit, add("last"))))
        assert len(attempts) == 2
        assert await names(database) == ["first", "last", "second"]

    run_with_database(tmp_path, work)


def test_a_unit_that_is_refused_at_once_is_not_run_again(tmp_path):
    async def work(database):
        attempts = []

        def refuse(_transaction):
            attempts.append(1)
            raise ServiceUnavailable("gateway is unreachable")

        results = await asyncio.gather(
            *map(database.write, (add("first"), refuse, add("last"))), return_exceptions=True
        )
        assert isinstance(results[1], ServiceUnavailable)
        assert attempts == [1]
        assert await names(database) == ["first", "last"]

    run_with_database(tmp_path, work)


def test_units_that_arrived_lately_are_not_refused_with_those_that_waited_long(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "WAIT_TIMEOUT_SECONDS", 1.0)

    async def work(database):
        async with connections_in_use(database):
            oldest = asyncio.ensure_future(database.write(add("oldest")))
            await asyncio.sleep(0.9)
            newest = asyncio.ensure_future(database.write(add("newest")))
            with pytest.raises(ServiceUnavailable, match="connections are in use"):
                await oldest
            assert not newest.done()
        await newest
        assert await names(database) == ["newest"]

    run_with_database(tmp_path, work)


def test_a_unit_that_is_to_run_alone_waits_for_a_bounded_time(tmp_path, monkeypatch):
    """In all: not once for each connection, nor without a limit behind another one that is to run alone."""
    monkeypatch.setattr(pool, "WAIT_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(pool, "TURN_TIMEOUT_SECONDS", 0.3)

    async def work(database):
        connections = database._writers
        async with connections.only_connection():
            with pytest.raises(ServiceUnavailable, match="connections are in use"):
                async with asyncio.timeout(20), connections.only_connection():
                    pass
        async with connections.connection(), connections.connection():
            with pytest.raises(ServiceUnavailable, match="connections are in use"):
                async with connections.only_connection():
                    pass
        async with connections.only_connection() as connection:
            assert await connection.execute("SELECT 1") == "SELECT 1"
        assert database.connections_in_use == 0

    run_with_database(tmp_path, work)
