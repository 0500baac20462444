"""Units of work on SQLite's writer thread: atomic each, in any grouping."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import threading

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, insert, literal_column, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from envmgr.server.app import module as app_module
from envmgr.server.app.store import app
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.constructs import insert_rows, rows_of, upsert
from envmgr.server.kit.db.sql import DamagedDatabase, Statement, UniqueViolation
from envmgr.server.kit.db.sqlite import SqliteDatabase
from envmgr.server.kit.messaging.outbox import Outbox
from support.services.database_runners import open_sqlite as opened
from support.services.event_recorders import domain_event, emit

ADD = Statement(
    insert(app).values(
        name=bindparam("name"), folded=bindparam("name"), description="", created_at=1, updated_at=1, rev=1
    )
)
NAMES = Statement(select(app.c.name).order_by(app.c.id))
LIST = Table(
    "list",
    MetaData(),
    Column("place", Integer, primary_key=True),
    Column("word", Text, unique=True),
    Column("number", Integer),
)
_ROWS = rows_of(LIST, "word", "number")
ADD_ALL = Statement(insert_rows(LIST, _ROWS))
PUT_ALL = Statement(
    upsert(
        LIST,
        _ROWS,
        key=["word"],
        update=lambda new: {"number": new.number},
        where=lambda new: LIST.c.number < new.number,
    )
)
ALL = Statement(select(LIST.c.word, LIST.c.number).order_by(LIST.c.place))
pytestmark = pytest.mark.timeout(60)


def add(name):
    def unit(transaction):
        transaction.execute(ADD, name=name)
        transaction.emit(domain_event(name))

    return unit


def add_and_fail(name):
    def unit(transaction):
        transaction.execute(ADD, name=name)
        transaction.emit(domain_event(name))
        raise LookupError(name)

    return unit


async def names(database):
    return [name for (name,) in await database.read(lambda reader: reader.all(NAMES))]


async def emitted_events(database):
    return [event.data["number"] for event in await Outbox(database, "app").pending(1000)]


class BlockedWrite:
    """Blocks the writer until all units of a test are pending, so that they form one group."""

    def __init__(self):
        self._go = threading.Event()

    def unit(self, _transaction):
        self._go.wait(20)

    async def gather(self, database, *units):
        pending = asyncio.ensure_future(database.write(self.unit))
        await asyncio.sleep(0.02)
        waiting = [asyncio.ensure_future(database.write(unit)) for unit in units]
        await asyncio.sleep(0.02)
        self._go.set()
        await pending
        return await asyncio.gather(*waiting, return_exceptions=True)


def run(work):
    asyncio.run(work())


def test_a_group_is_committed_together_and_each_unit_has_its_result(tmp_path):
    runs = []

    def count_after(unit):
        def once(transaction):
            runs.append(1)
            unit(transaction)
            return len(runs)

        return once

    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await BlockedWrite().gather(database, *(count_after(add(f"app-{n}")) for n in range(5)))
            assert results == [1, 2, 3, 4, 5]
            assert await names(database) == await emitted_events(database) == [f"app-{n}" for n in range(5)]

    run(work)


def test_a_failed_unit_does_not_affect_its_group(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await BlockedWrite().gather(database, add("one"), add_and_fail("two"), add("three"))
            assert [type(result) for result in results] == [type(None), LookupError, type(None)]
            assert await names(database) == await emitted_events(database) == ["one", "three"]
            sequences = [event.sequence for event in await Outbox(database, "app").pending(10)]
            assert sequences == [1, 2]

    run(work)


def test_a_unit_that_is_rejected_before_a_change_does_not_affect_its_group(tmp_path):
    runs = []

    def refuse(_transaction):
        raise LookupError("no")

    def count_rows(transaction):
        runs.append(1)
        add("one")(transaction)

    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await BlockedWrite().gather(database, count_rows, refuse, add("two"))
            assert isinstance(results[1], LookupError)
            assert await names(database) == await emitted_events(database) == ["one", "two"]
            assert runs == [1]

    run(work)


def test_a_second_row_of_the_same_name_is_rejected(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await BlockedWrite().gather(database, add("one"), add("one"))
            assert results[0] is None
            assert isinstance(results[1], UniqueViolation)
            assert await names(database) == await emitted_events(database) == ["one"]

    run(work)


def test_events_of_many_writers_are_numbered_without_gaps(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            units = [add_and_fail(f"bad-{n}") if n % 3 == 0 else add(f"app-{n}") for n in range(90)]
            await asyncio.gather(*map(database.write, units), return_exceptions=True)
            events = await Outbox(database, "app").pending(1000)
            assert [event.sequence for event in events] == list(range(1, 61))
            assert len({event.id for event in events}) == 60

    run(work)


def test_only_commits_with_events_are_announced(tmp_path):
    announced = []

    async def work():
        async with opened(tmp_path, app_module) as database:
            database.on_events(lambda: announced.append(threading.current_thread().name))
            await database.write(lambda _transaction: None)
            assert announced == []
            await database.write(emit(1))
            assert announced == ["write-app"]

    run(work)


def test_a_database_locked_by_another_process_is_unavailable_and_recovers(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            database._write_connection.execute("PRAGMA busy_timeout = 50")
            other = sqlite3.connect(database.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            results = await asyncio.gather(
                database.write(add("one")), database.write(add("two")), return_exceptions=True
            )
            assert [type(result) for result in results] == [ServiceUnavailable, ServiceUnavailable]
            assert await names(database) == []
            other.execute("ROLLBACK")
            other.close()
            await database.write(add("three"))
            assert await names(database) == ["three"]

    run(work)


class FailingConnection:
    """A connection on which a statement fails once."""

    def __init__(self, connection, statement, error):
        self._connection = connection
        self._statement = statement
        self._errors = [error]

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, text, *values):
        if text == self._statement and self._errors:
            raise self._errors.pop()
        return self._connection.execute(text, *values)


def io_error():
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


@pytest.mark.parametrize("error", [io_error(), MemoryError()], ids=["disk", "memory"])
@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "COMMIT"])
def test_units_succeed_after_a_failure_of_their_transaction(tmp_path, statement, error):
    async def work():
        async with opened(tmp_path, app_module) as database:
            database._write_connection = FailingConnection(database._write_connection, statement, error)
            expected = ServiceUnavailable if isinstance(error, sqlite3.Error) else MemoryError
            with pytest.raises(expected):
                await asyncio.wait_for(database.write(add("one")), 10)
            await asyncio.wait_for(database.write(add("two")), 10)
            assert await names(database) == ["two"]

    run(work)


def test_units_succeed_after_a_rollback_that_failed(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            database._write_connection = FailingConnection(database._write_connection, "ROLLBACK", io_error())
            with pytest.raises(LookupError):
                await asyncio.wait_for(database.write(add_and_fail("one")), 10)
            await asyncio.wait_for(database.write(add("two")), 10)
            assert await names(database) == ["two"]
            assert await emitted_events(database) == ["two"]

    run(work)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL])
@pytest.mark.parametrize(
    "act",
    [SqliteDatabase.read, SqliteDatabase.read_inline, SqliteDatabase.write],
    ids=lambda act: act.__name__,
)
def test_an_error_in_passing_is_temporarily_unavailable(tmp_path, act, code):
    def fail(_transaction):
        error = sqlite3.OperationalError("in passing")
        error.sqlite_errorcode = code
        raise error

    async def work():
        async with opened(tmp_path, app_module) as database:
            with pytest.raises(ServiceUnavailable) as caught:
                await act(database, fail)
            assert caught.value.headers["retry-after"] == "5"

    run(work)


@pytest.mark.parametrize("read", [SqliteDatabase.read, SqliteDatabase.read_inline])
def test_a_read_of_a_locked_database_is_temporarily_unavailable(tmp_path, read):
    async def work():
        async with opened(tmp_path, app_module) as database:
            holder = sqlite3.connect(database.path, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            other = sqlite3.connect(database.path, isolation_level=None, timeout=0, check_same_thread=False)
            with pytest.raises(ServiceUnavailable, match="locked") as caught:
                await read(database, lambda _reader: other.execute("BEGIN IMMEDIATE"))
            assert caught.value.headers["retry-after"] == "5"
            holder.execute("ROLLBACK")
            await read(database, lambda _reader: other.execute("BEGIN IMMEDIATE"))
            other.close()
            holder.close()

    run(work)


def test_reads_are_unavailable_while_the_file_cannot_be_opened(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            await database.write(add("one"))
            os.rename(database.path, tmp_path / "moved")
            os.mkdir(database.path)
            with pytest.raises(ServiceUnavailable):
                await names(database)
            os.rmdir(database.path)
            os.rename(tmp_path / "moved", database.path)
            assert await names(database) == ["one"]

    run(work)


@pytest.mark.parametrize("read", [SqliteDatabase.read, SqliteDatabase.read_inline, SqliteDatabase.write])
def test_a_damaged_file_is_named(tmp_path, read):
    async def work():
        async with opened(tmp_path, app_module) as database:
            (tmp_path / "other").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
            other = sqlite3.connect(tmp_path / "other", check_same_thread=False)
            with pytest.raises(DamagedDatabase, match=re.escape(database.path)):
                await read(database, lambda _reader: other.execute("SELECT 1 FROM x"))
            other.close()

    run(work)


@pytest.mark.parametrize("read", [SqliteDatabase.read, SqliteDatabase.read_inline])
def test_a_closed_database_rejects_reads(tmp_path, read):
    async def work():
        async with opened(tmp_path, app_module) as database:
            await database.close()
            with pytest.raises(ServiceUnavailable):
                await read(database, lambda reader: reader.all(NAMES))

    run(work)


def test_readers_see_whole_transactions_only(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            inside, go = threading.Event(), threading.Event()

            def slow(transaction):
                transaction.execute(ADD, name="half")
                inside.set()
                go.wait(20)
                transaction.execute(ADD, name="whole")

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


def test_closing_finishes_pending_units_and_rejects_new_ones(tmp_path):
    async def work():
        async with opened(tmp_path, app_module) as database:
            writing = asyncio.ensure_future(database.write(add("last")))
            await asyncio.sleep(0)
            await database.close()
            assert await writing is None
            with pytest.raises(ServiceUnavailable):
                await database.write(add("later"))

    run(work)


def unwritable(name, data):
    """Create a unit that emits an event that cannot be stored."""

    def unit(transaction):
        transaction.execute(ADD, name=name)
        transaction.emit(domain_event(0, data=data))

    return unit


@pytest.mark.parametrize(
    ("data", "error"),
    [({"half": "\ud800"}, UnicodeEncodeError), ({"what": object()}, TypeError)],
    ids=["half a character", "no JSON"],
)
def test_a_unit_with_unwritable_events_fails_alone(tmp_path, data, error):
    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await BlockedWrite().gather(database, add("one"), unwritable("two", data), add("three"))
            assert [type(result) for result in results] == [type(None), error, type(None)]
            assert await names(database) == await emitted_events(database) == ["one", "three"]

    run(work)


def test_an_invalid_statement_is_an_internal_error_of_its_unit_only(tmp_path):
    def wrong(transaction):
        transaction.execute(ADD, name="half")
        transaction.execute(ADD_ALL, rows="[")

    async def work():
        async with opened(tmp_path, app_module) as database:
            results = await BlockedWrite().gather(database, add("one"), wrong, add("two"))
            assert [type(result) for result in results] == [
                type(None),
                sqlite3.OperationalError,
                type(None),
            ]
            assert await names(database) == await emitted_events(database) == ["one", "two"]

    run(work)


def test_an_added_row_has_the_next_id_after_failures(tmp_path):
    def three(transaction):
        first = transaction.insert(ADD, name="one")
        with pytest.raises(UniqueViolation):
            transaction.insert(ADD, name="one")
        second = transaction.insert(ADD, name="two")
        transaction.emit(domain_event("two"))
        return first, second, transaction.insert(ADD, name="three")

    async def work():
        async with opened(tmp_path, app_module) as database:
            first, second, third = await database.write(three)
            assert first < second < third
            by_id = Statement(select(app.c.name).where(app.c.id == bindparam("which")))
            matches = [
                await database.read(lambda reader, id_=id_: reader.one(by_id, which=id_))
                for id_ in (first, second, third)
            ]
            assert matches == [("one",), ("two",), ("three",)]

    run(work)


def with_list(directory, unit):
    """Run a unit over a table of words; return its result and the rows."""

    async def work():
        async with opened(directory, app_module) as database:
            database._write_connection.execute(str(CreateTable(LIST).compile(dialect=sqlite.dialect())))
            result = (await asyncio.gather(database.write(unit), return_exceptions=True))[0]
            return result, await database.read(lambda reader: reader.all(ALL))

    return asyncio.run(work())


def test_many_rows_are_written_unchanged_and_in_order(tmp_path):
    rows = [
        ("b", 2),
        ("a", None),
        ("", True),
        ('"quoted", [1]', False),
        ('{"nul": "\\u0000"}', 2**63 - 1),
        ("\x01\x7f\u2028é\U0001f600\n", -(2**63)),
        ("null", 0),
        (None, 1),
    ]
    assert with_list(tmp_path, lambda transaction: transaction.execute_many(ADD_ALL, rows)) == (
        len(rows),
        rows,
    )


def test_writing_no_rows_has_no_effect(tmp_path):
    assert with_list(tmp_path, lambda transaction: transaction.execute_many(ADD_ALL, [])) == (0, [])


def test_a_text_that_would_be_truncated_is_rejected(tmp_path):
    result, rows = with_list(
        tmp_path, lambda transaction: transaction.execute_many(ADD_ALL, [("a", 1), ("b\0c", 2)])
    )
    assert isinstance(result, ValueError)
    assert rows == []


def test_a_duplicate_among_many_rows_writes_none(tmp_path):
    result, rows = with_list(
        tmp_path, lambda transaction: transaction.execute_many(ADD_ALL, [("a", 1), ("b", 2), ("a", 3)])
    )
    assert isinstance(result, UniqueViolation)
    assert rows == []


def test_the_last_of_several_rows_of_a_name_is_preserved(tmp_path):
    def unit(transaction):
        return (
            transaction.execute_many(PUT_ALL, [("a", 1), ("b", 5), ("a", 3), ("a", 2)]),
            transaction.execute_many(PUT_ALL, [("a", 3), ("b", 4)]),
            transaction.execute_many(PUT_ALL, [("b", 6), ("c", 1)]),
        )

    assert with_list(tmp_path, unit) == ((3, 0, 2), [("a", 3), ("b", 6), ("c", 1)])


def test_undecodable_text_is_an_internal_error_of_its_unit_only(tmp_path):
    broken = Statement(select(literal_column("CAST(x'ff' AS TEXT)")))

    async def work():
        async with opened(tmp_path, app_module) as database:
            with pytest.raises(sqlite3.OperationalError, match="UTF-8"):
                await database.write(lambda transaction: transaction.one(broken))
            await database.write(add("one"))
            assert await names(database) == ["one"]

    run(work)


def test_a_read_without_a_thread_is_unavailable_and_later_ones_succeed(tmp_path, monkeypatch):
    def fail(_thread):
        raise RuntimeError("can't start new thread")

    async def work():
        async with opened(tmp_path, app_module) as database:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", fail)
                with pytest.raises(ServiceUnavailable, match="can't start new thread"):
                    await names(database)
            assert await names(database) == []

    run(work)
