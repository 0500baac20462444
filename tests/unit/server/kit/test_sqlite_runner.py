"""Units of work on SQLite's writer thread: all or nothing each, however they are grouped."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
from sqlalchemy import bindparam, insert, select

from envmgr.server.app import module as app_module
from envmgr.server.app.store import app
from envmgr.server.kit.outbox import Outbox
from envmgr.server.kit.problems import Unavailable
from envmgr.server.kit.sql import Statement, UniqueViolation
from support.hearing import happening, tells
from support.services import opened

ADD = Statement(insert(app).values(name=bindparam("name"), description="", created_at=1, updated_at=1, rev=1))
NAMES = Statement(select(app.c.name).order_by(app.c.id))
pytestmark = pytest.mark.timeout(60)


def add(name):
    def unit(transaction):
        transaction.run(ADD, name=name)
        transaction.emit(happening(name))

    return unit


def add_and_fail(name):
    def unit(transaction):
        transaction.run(ADD, name=name)
        transaction.emit(happening(name))
        raise LookupError(name)

    return unit


async def names(database):
    return [name for (name,) in await database.read(lambda reader: reader.all(NAMES))]


async def told(database):
    return [event.data["number"] for event in await Outbox(database, "app").pending(1000)]


class Held:
    """Holds the writer until all units of a test wait, so that they form one group."""

    def __init__(self):
        self._go = threading.Event()

    def unit(self, _transaction):
        self._go.wait(20)

    async def gather(self, database, *units):
        held = asyncio.ensure_future(database.write(self.unit))
        await asyncio.sleep(0.02)
        waiting = [asyncio.ensure_future(database.write(unit)) for unit in units]
        await asyncio.sleep(0.02)
        self._go.set()
        await held
        return await asyncio.gather(*waiting, return_exceptions=True)


def run(work):
    asyncio.run(work())


def test_a_group_is_committed_together_and_each_gets_its_own_result(tmp_path):
    runs = []

    def counted(unit):
        def once(transaction):
            runs.append(1)
            unit(transaction)
            return len(runs)

        return once

    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await Held().gather(database, *(counted(add(f"app-{n}")) for n in range(5)))
            assert results == [1, 2, 3, 4, 5]
            assert await names(database) == await told(database) == [f"app-{n}" for n in range(5)]

    run(work)


def test_one_that_fails_in_a_group_takes_nothing_with_it(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await Held().gather(database, add("one"), add_and_fail("two"), add("three"))
            assert [type(result) for result in results] == [type(None), LookupError, type(None)]
            assert await names(database) == await told(database) == ["one", "three"]
            sequences = [event.sequence for event in await Outbox(database, "app").pending(10)]
            assert sequences == [1, 2]

    run(work)


def test_one_that_refuses_before_it_changes_anything_leaves_the_group_alone(tmp_path):
    runs = []

    def refuse(_transaction):
        raise LookupError("no")

    def counted(transaction):
        runs.append(1)
        add("one")(transaction)

    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await Held().gather(database, counted, refuse, add("two"))
            assert isinstance(results[1], LookupError)
            assert await names(database) == await told(database) == ["one", "two"]
            assert runs == [1]

    run(work)


def test_a_second_row_of_the_same_name_is_refused_by_its_columns(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await Held().gather(database, add("one"), add("one"))
            assert results[0] is None
            assert isinstance(results[1], UniqueViolation)
            assert results[1].columns == {"app.name"}
            assert await names(database) == await told(database) == ["one"]

    run(work)


def test_events_are_numbered_without_a_gap_by_many_writers(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            units = [add_and_fail(f"bad-{n}") if n % 3 == 0 else add(f"app-{n}") for n in range(90)]
            await asyncio.gather(*map(database.write, units), return_exceptions=True)
            events = await Outbox(database, "app").pending(1000)
            assert [event.sequence for event in events] == list(range(1, 61))
            assert len({event.id for event in events}) == 60

    run(work)


def test_a_commit_that_tells_something_is_announced_and_others_are_not(tmp_path):
    announced = []

    async def work():
        async with opened(tmp_path, app_module) as database:
            database.on_commit = lambda: announced.append(threading.current_thread().name)
            await database.write(lambda _transaction: None)
            assert announced == []
            await database.write(tells(1))
            assert announced == ["write-app"]

    run(work)


def test_a_database_that_somebody_else_holds_is_unavailable_and_comes_back(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            database._writing.execute("PRAGMA busy_timeout = 50")
            other = sqlite3.connect(database.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            results = await asyncio.gather(
                database.write(add("one")), database.write(add("two")), return_exceptions=True
            )
            assert [type(result) for result in results] == [Unavailable, Unavailable]
            assert await names(database) == []
            other.execute("ROLLBACK")
            other.close()
            await database.write(add("three"))
            assert await names(database) == ["three"]

    run(work)


def test_readers_see_whole_transactions_only(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            inside, go = threading.Event(), threading.Event()

            def slow(transaction):
                transaction.run(ADD, name="half")
                inside.set()
                go.wait(20)
                transaction.run(ADD, name="whole")

            writing = asyncio.ensure_future(database.write(slow))
            await asyncio.to_thread(inside.wait, 20)
            assert await names(database) == []
            go.set()
            await writing
            assert await names(database) == ["half", "whole"]

    run(work)


def test_a_reader_cannot_write(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                await database.read(lambda reader: reader.one(ADD, name="no"))

    run(work)


def test_closing_finishes_what_waits_and_takes_no_more(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            writing = asyncio.ensure_future(database.write(add("last")))
            await asyncio.sleep(0)
            await asyncio.to_thread(database.close)
            assert await writing is None
            with pytest.raises(Unavailable):
                await database.write(add("later"))

    run(work)
