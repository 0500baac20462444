"""The contract of a `Database`, for every runner."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from sqlalchemy import bindparam, insert, select, update

from envmgr.server.app import module as app_module
from envmgr.server.app.store import app
from envmgr.server.deployment import module as deployment_module
from envmgr.server.deployment.store.tables import app_projection
from envmgr.server.gateway import module as gateway_module
from envmgr.server.gateway.store.tables import refresh
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.constructs import insert_if_absent, insert_rows, rows_of, upsert
from envmgr.server.kit.db.sql import Statement, UniqueViolation
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.messaging.outbox import Outbox, latest_sequence
from envmgr.server.worker import module as worker_module
from envmgr.server.worker.store import event_count
from support.services.database_runners import RUNNERS
from support.services.event_recorders import domain_event

pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)]
VALUES = {
    "name": bindparam("name"),
    "folded": bindparam("name"),
    "description": "",
    "created_at": 1,
    "updated_at": 1,
    "rev": 1,
}
ADD = Statement(insert(app).values(VALUES))
ADD_IF_ABSENT = Statement(insert_if_absent(app, VALUES, key=["folded"]).returning(app.c.id))
NAMES = Statement(select(app.c.name).order_by(app.c.id))
SORTED_NAMES = Statement(select(app.c.name).order_by(app.c.name))
NEXT_REVISION = Statement(
    update(app).values(rev=app.c.rev + 1).where(app.c.folded == bindparam("name")).returning(app.c.rev)
)
BY_NAME = Statement(select(app.c.name).where(app.c.folded == bindparam("name")))
DELETE_BY_NAME = Statement(app.delete().where(app.c.folded == bindparam("name")))
BY_ID = Statement(select(app.c.name).where(app.c.id == bindparam("id")))
ADD_TOKENS = Statement(insert_rows(refresh, rows_of(refresh, "hash", "session_id", "used_at")))
TOKENS = Statement(select(refresh.c.hash, refresh.c.session_id, refresh.c.used_at).order_by(refresh.c.hash))
COUNT = Statement(
    upsert(
        event_count,
        rows_of(event_count, "type", "count"),
        key=["type"],
        update=lambda new: {"count": new["count"]},
        where=lambda new: event_count.c.count < new["count"],
    )
)
COUNTS = Statement(select(event_count.c.type, event_count.c.count).order_by(event_count.c.type))
ADD_APPS = Statement(insert_rows(app_projection, rows_of(app_projection, *app_projection.c.keys())))
DELETED = Statement(select(app_projection.c.app_id).where(app_projection.c.deleted))


def add(name):
    def unit(transaction):
        transaction.execute(ADD, name=name)
        transaction.emit(domain_event(name))

    return unit


def add_and_fail(name):
    def unit(transaction):
        add(name)(transaction)
        raise LookupError(name)

    return unit


async def names(database):
    return [name for (name,) in await database.read(lambda reader: reader.all(NAMES))]


async def events(database):
    return [event.data["number"] for event in await Outbox(database, "app").pending(1000)]


def run_with_database(runner, directory, module, work):
    """Run a function with a new database of a service."""

    async def main():
        async with runner(directory, module) as database:
            return await work(database)

    return asyncio.run(main())


def test_a_unit_returns_its_result_and_commits_its_rows_and_events(tmp_path, runner):
    async def work(database):
        results = await asyncio.gather(*(database.write(add(f"app-{n}")) for n in range(5)))
        assert results == [None] * 5
        expected = {f"app-{n}" for n in range(5)}
        assert set(await names(database)) == set(await events(database)) == expected
        await database.write(add("last"))
        assert (await names(database))[5:] == (await events(database))[5:] == ["last"]

    run_with_database(runner, tmp_path, app_module, work)


def test_a_failed_unit_is_rolled_back_without_effect_on_others(tmp_path, runner):
    async def work(database):
        units = [add_and_fail(f"bad-{n}") if n % 3 == 0 else add(f"app-{n}") for n in range(90)]
        results = await asyncio.gather(*map(database.write, units), return_exceptions=True)
        assert [type(result) for result in results[:3]] == [LookupError, type(None), type(None)]
        assert sorted(await names(database)) == sorted(f"app-{n}" for n in range(90) if n % 3)
        outcome = await Outbox(database, "app").pending(1000)
        assert [event.sequence for event in outcome] == list(range(1, 61))
        assert await latest_sequence(database) == 60

    run_with_database(runner, tmp_path, app_module, work)


def test_units_behave_as_if_serial(tmp_path, runner):
    """Units decide on what they read: no two may decide on the same value."""

    def claim(transaction):
        number = len(transaction.all(NAMES))
        transaction.execute(ADD, name=f"app-{number}")
        return number

    async def work(database):
        result = await asyncio.gather(*(database.write(claim) for _ in range(40)))
        assert sorted(result) == list(range(40))

    run_with_database(runner, tmp_path, app_module, work)


def test_ids_are_returned_and_never_reused(tmp_path, runner):
    async def work(database):
        def unit(transaction):
            return [transaction.insert(ADD, name=name) for name in ("one", "two")]

        first, second = await database.write(unit)
        assert first < second
        assert await database.read(lambda reader: reader.one(BY_ID, id=second)) == ("two",)
        await database.write(lambda transaction: transaction.execute(Statement(app.delete())))
        assert await database.write(lambda transaction: transaction.insert(ADD, name="three")) > second

    run_with_database(runner, tmp_path, app_module, work)


def test_a_second_row_of_the_same_key_is_a_violation(tmp_path, runner):
    async def work(database):
        await database.write(add("one"))
        for write in ("insert", "execute", "one"):
            with pytest.raises(UniqueViolation):
                await database.write(
                    lambda transaction, write=write: getattr(transaction, write)(ADD, name="one")
                )
        assert await names(database) == await events(database) == ["one"]

    run_with_database(runner, tmp_path, app_module, work)


def test_insert_or_find_reports_whether_it_inserted_and_the_unit_continues(tmp_path, runner):
    def unit(transaction):
        matches = [transaction.one(ADD_IF_ABSENT, name=name) for name in ("one", "one", "two")]
        return [row is not None for row in matches]

    async def work(database):
        assert await database.write(unit) == [True, False, True]
        assert await names(database) == ["one", "two"]

    run_with_database(runner, tmp_path, app_module, work)


def test_many_rows_are_written_unchanged(tmp_path, runner):
    rows = [
        ("", 2, None),
        ('"quoted", [1]', 0, 1),
        ('{"nul": "\\u0000"}', 2**63 - 1, None),
        ("\x01\x7f\u2028é\U0001f600\n", -(2**63), 0),
        ("null", 0, None),
    ]

    async def work(database):
        assert await database.write(lambda transaction: transaction.execute_many(ADD_TOKENS, rows)) == 5
        assert await database.read(lambda reader: reader.all(TOKENS)) == sorted(rows)
        assert await database.write(lambda transaction: transaction.execute_many(ADD_TOKENS, [])) == 0
        with pytest.raises(ValueError, match="NUL"):
            await database.write(lambda transaction: transaction.execute_many(ADD_TOKENS, [("b\0c", 1, 1)]))

    run_with_database(runner, tmp_path, gateway_module, work)


def test_an_upsert_of_many_rows_counts_those_that_it_changed(tmp_path, runner):
    def unit(transaction):
        return [
            transaction.execute_many(COUNT, [("a", 1), ("b", 5)]),
            transaction.execute_many(COUNT, [("a", 1), ("b", 4)]),
            transaction.execute_many(COUNT, [("b", 2**40), ("c", 1)]),
        ]

    async def work(database):
        assert await database.write(unit) == [2, 0, 2]
        assert await database.read(lambda reader: reader.all(COUNTS)) == [("a", 1), ("b", 2**40), ("c", 1)]

    run_with_database(runner, tmp_path, worker_module, work)


def test_booleans_are_read_as_booleans(tmp_path, runner):
    rows = [(1, "shop", 1, True), (2, "blog", 1, False)]

    async def work(database):
        await database.write(lambda transaction: transaction.execute_many(ADD_APPS, rows))
        assert await database.read(lambda reader: reader.all(DELETED)) == [(1,)]

    run_with_database(runner, tmp_path, deployment_module, work)


def test_texts_are_sorted_by_their_bytes(tmp_path, runner):
    words = ["a", "B", "é", "Z", "z", "_", "a-b", "ab"]

    async def work(database):
        for word in words:
            await database.write(add(word))
        result = await database.read(lambda reader: [name for (name,) in reader.all(SORTED_NAMES)])
        assert result == sorted(words, key=str.encode)

    run_with_database(runner, tmp_path, app_module, work)


def test_only_commits_with_events_call_the_listeners(tmp_path, runner):
    calls = []

    async def work(database):
        database.on_events(lambda: calls.append("one"))
        database.on_events(lambda: calls.append("two"))
        await database.write(lambda _transaction: None)
        assert calls == []
        await database.write(add("one"))
        await asyncio.sleep(0)
        assert calls == ["one", "two"]

    run_with_database(runner, tmp_path, app_module, work)


def test_only_commits_that_enqueued_jobs_call_the_listeners_of_jobs(tmp_path, runner):
    calls = []

    def enqueue(transaction, *, fails=False):
        job_queue.enqueue(transaction, "send", {}, key="1")
        if fails:
            raise LookupError

    async def work(database):
        database.on_jobs(lambda: calls.append("one"))
        database.on_events(lambda: calls.append("events"))
        await database.write(lambda _transaction: None)
        with pytest.raises(LookupError):
            await database.write(partial(enqueue, fails=True))
        assert calls == []
        await database.write(enqueue)
        await asyncio.sleep(0)
        assert calls == ["one"]

    run_with_database(runner, tmp_path, app_module, work)


def test_a_listener_that_fails_does_not_fail_what_is_committed(tmp_path, runner, caplog):
    calls = []

    def fail():
        raise LookupError("no loop")

    async def work(database):
        database.on_events(fail)
        database.on_events(lambda: calls.append("two"))
        assert await database.write(add("one")) is None
        assert await database.read(lambda reader: reader.all(NAMES)) == [("one",)]

    with caplog.at_level("ERROR"):
        run_with_database(runner, tmp_path, app_module, work)
    assert calls == ["two"]
    assert "commit_listener_failed" in caplog.messages


def test_a_unit_reads_its_own_database_however_many_units_run(tmp_path, runner):
    """Units read so to check their caller's permissions."""

    async def work(database):
        def unit(transaction):
            count = len(database.read_blocking(lambda reader: reader.all(NAMES)))
            return count, len(transaction.all(NAMES))

        await database.write(add("one"))
        assert await asyncio.gather(*(database.write(unit) for _ in range(40))) == [(1, 1)] * 40

    run_with_database(runner, tmp_path, app_module, work)


def test_a_unit_of_a_cancelled_caller_is_completed_or_not_started(tmp_path, runner):
    completed = []

    async def cancel(database):
        writing = [asyncio.ensure_future(database.write(add(f"app-{n}"))) for n in range(60)]
        await asyncio.sleep(0)
        for number, task in enumerate(writing):
            await asyncio.sleep(0.001 * (number % 3))
            task.cancel()
        results = await asyncio.gather(*writing, return_exceptions=True)
        await database.write(add("last"))
        completed.extend(f"app-{n}" for n, result in enumerate(results) if result is None)

    async def check(database):
        outcome = await names(database)
        assert set(outcome) >= {*completed, "last"}
        assert sorted(outcome) == sorted(await events(database))

    run_with_database(runner, tmp_path, app_module, cancel)
    run_with_database(runner, tmp_path, app_module, check)


def test_an_error_of_a_reader_reaches_its_caller_and_the_next_read_works(tmp_path, runner):
    def fail(reader):
        reader.all(NAMES)
        raise LookupError("mine")

    async def work(database):
        for read in (database.read, database.read_inline):
            for _ in range(20):
                with pytest.raises(LookupError, match="mine"):
                    await read(fail)
            assert await read(lambda reader: reader.all(NAMES)) == []

    run_with_database(runner, tmp_path, app_module, work)


def test_events_are_numbered_without_gaps_in_the_order_of_each_resource(tmp_path, runner):
    def change(name):
        def unit(transaction):
            (number,) = transaction.one(NEXT_REVISION, name=name)
            event = domain_event(0, data={"app": name, "number": number})
            transaction.emit(event)
            transaction.emit(event)

        return unit

    async def work(database):
        apps = [f"app-{n}" for n in range(5)]
        for name in apps:
            await database.write(lambda transaction, name=name: transaction.insert(ADD, name=name))
        numbering = [database.number_events() for _ in range(10)]
        units = [database.write(change(name)) for _ in range(12) for name in apps]
        await asyncio.gather(*units[:30], *numbering, *units[30:])
        outcome = await Outbox(database, "app").pending(1000)
        assert [event.sequence for event in outcome] == list(range(1, 121))
        for name in apps:
            numbers = [event.data["number"] for event in outcome if event.data["app"] == name]
            assert numbers == [number for number in range(2, 14) for _ in range(2)]
        assert await Outbox(database, "app").backlog() == await latest_sequence(database) == 120

    run_with_database(runner, tmp_path, app_module, work)


def test_a_process_has_the_role_of_relaying_until_it_releases_it(tmp_path, runner):
    async def relay(database, expected):
        outbox = Outbox(database, "app")
        assert await database.leadership().try_acquire()
        pending = await outbox.pending(10)
        await outbox.acknowledge(pending[-1].sequence)
        assert await database.leadership().try_acquire()
        assert [event.sequence for event in pending] == expected
        assert await outbox.pending(10) == []

    async def work(database):
        await database.write(lambda transaction: transaction.emit(domain_event(0)))
        await relay(database, [1])
        await database.leadership().release()
        await database.write(lambda transaction: transaction.emit(domain_event(1)))
        await relay(database, [2])
        await database.leadership().release()
        await database.leadership().release()

    run_with_database(runner, tmp_path, app_module, work)


def test_a_shared_value_is_of_one_commit(tmp_path, runner):
    async def work(database):
        values = iter(range(100))

        def create():
            return next(values)

        def read_twice(transaction):
            return transaction.share(create), transaction.share(create)

        first = await database.write(read_twice)
        second = await database.write(read_twice)
        assert (first, second) == ((0, 0), (1, 1))

    run_with_database(runner, tmp_path, app_module, work)


def test_units_that_arrive_together_share_commits(tmp_path, runner):
    async def work(database):
        values = iter(range(100))

        def create():
            return next(values)

        def unit(name):
            def add_and_share(transaction):
                add(name)(transaction)
                return transaction.share(create)

            return add_and_share

        results = await asyncio.gather(*(database.write(unit(f"app-{n}")) for n in range(40)))
        assert len(set(results)) < len(results)
        assert len(await names(database)) == len(await events(database)) == 40

    run_with_database(runner, tmp_path, app_module, work)


def test_a_unit_that_fails_before_it_changes_anything_leaves_its_group_as_it_is(tmp_path, runner):
    async def work(database):
        attempts = []

        def fail(transaction):
            attempts.append(transaction.one(BY_NAME, name="none"))
            raise LookupError("mine")

        units = [fail if n == 3 else add(f"app-{n}") for n in range(8)]
        results = await asyncio.gather(*map(database.write, units), return_exceptions=True)
        assert isinstance(results.pop(3), LookupError)
        assert results == [None] * 7
        assert attempts == [None]

    run_with_database(runner, tmp_path, app_module, work)


@pytest.mark.parametrize("error", [LookupError("mine"), StopIteration()])
def test_a_unit_that_changes_no_row_and_fails_leaves_its_group_as_it_is(tmp_path, runner, error):
    async def work(database):
        attempts = []

        def fail(transaction):
            attempts.append(transaction.execute(DELETE_BY_NAME, name="none"))
            raise error

        units = [fail if n == 3 else add(f"app-{n}") for n in range(8)]
        results = await asyncio.gather(*map(database.write, units), return_exceptions=True)
        assert isinstance(results.pop(3), LookupError | RuntimeError)
        assert results == [None] * 7
        assert attempts == [0]

    run_with_database(runner, tmp_path, app_module, work)


def test_a_shared_value_that_cannot_be_created_is_tried_again(tmp_path, runner):
    async def work(database):
        attempts = []

        def create():
            attempts.append("attempt")
            if len(attempts) == 1:
                raise ServiceUnavailable("not yet")
            return "value"

        def unit(transaction):
            with pytest.raises(ServiceUnavailable):
                transaction.share(create)
            return transaction.share(create)

        assert await database.write(unit) == "value"

    run_with_database(runner, tmp_path, app_module, work)


def test_the_commit_version_changes_with_each_commit_or_is_not_known(tmp_path, runner):
    async def work(database):
        await database.write(add("first"))
        earlier, same = database.commit_version(), database.commit_version()
        await database.write(add("second"))
        later = database.commit_version()
        assert earlier == same
        assert later is None or later != earlier

    run_with_database(runner, tmp_path, app_module, work)


@pytest.mark.parametrize("act", ["write", "read", "read_inline"])
def test_a_text_with_nul_matches_nothing_and_the_unit_continues(tmp_path, runner, act):
    def unit(access):
        return (
            access.one(BY_NAME, name="o\0e"),
            access.all(BY_NAME, name="one\0"),
            access.one(BY_NAME, name="one"),
        )

    async def work(database):
        await database.write(add("one"))
        assert await getattr(database, act)(unit) == (None, [], ("one",))

    run_with_database(runner, tmp_path, app_module, work)


def test_closing_finishes_pending_units_and_accepts_no_more(tmp_path, runner):
    async def work(database):
        writing = asyncio.ensure_future(database.write(add("last")))
        await asyncio.sleep(0)
        await database.close()
        assert await writing is None
        for call in (database.write, database.read, database.read_inline):
            with pytest.raises(ServiceUnavailable):
                await call(lambda _reader: None)
        await database.close()

    run_with_database(runner, tmp_path, app_module, work)
