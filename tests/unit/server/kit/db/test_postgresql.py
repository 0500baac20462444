"""The PostgreSQL runner: conflicts, timeouts, lost connections and open transactions."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.util.concurrency import await_

from envmgr.server.app import module
from envmgr.server.app.store import app
from envmgr.server.kit.common.problems import Conflict, ServiceUnavailable
from envmgr.server.kit.db.postgresql import database as runner
from envmgr.server.kit.db.postgresql import driver, pool
from envmgr.server.kit.db.postgresql.database import PostgresDatabase
from envmgr.server.kit.db.postgresql.leadership import PostgresLeadership
from envmgr.server.kit.db.sql import Statement, UniqueViolation
from envmgr.server.kit.messaging.event_numbering import append_unnumbered, number_events
from envmgr.server.kit.messaging.outbox import Outbox, latest_sequence
from support.services.database_runners import (
    connections_in_use,
    open_postgres,
    postgres_databases,
    postgres_url,
)
from support.services.event_recorders import emit
from support.services.postgres_server import (
    NEEDS_POSTGRESQL,
    PostgresDatabases,
    PostgresServer,
    installed_binaries,
)

pytestmark = [
    pytest.mark.timeout(120),
    NEEDS_POSTGRESQL,
]
CHECKOUT = Path(__file__).parents[5]
FIXED = {"description": "", "created_at": 1, "updated_at": 1, "rev": 1}
ADD = Statement(insert(app).values(name=bindparam("name"), folded=bindparam("name"), **FIXED))
BY_NAME = Statement(select(app.c.id).where(app.c.folded == bindparam("name")))
COUNT = Statement(select(func.count()).select_from(app))
TOUCH = Statement(update(app).values(rev=app.c.rev + 1).where(app.c.folded == bindparam("name")))
REVISION = Statement(select(app.c.rev).where(app.c.folded == bindparam("name")))
SLEEP = Statement(select(func.pg_sleep(bindparam("seconds"))))
LOCK_APPS = Statement(text("LOCK TABLE app IN ACCESS EXCLUSIVE MODE"))
SESSIONS = "SELECT state FROM pg_stat_activity WHERE datname = '{}' AND application_name LIKE 'envmgr-alm %'"


def run_with_database(directory, work):
    async def main():
        async with open_postgres(directory, module) as database:
            return await work(database)

    return asyncio.run(main())


def database_name(directory):
    return postgres_url(directory, module).rpartition("/")[2]


async def session_states(directory):
    name = database_name(directory)
    return [state for (state,) in await postgres_databases()._run(SESSIONS.format(name), "postgres")]


async def wait_until(condition):
    deadline = time.monotonic() + 60
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def count_apps(directory):
    """Count the rows, over a connection without the limits that a test sets."""
    ((count,),) = await postgres_databases()._run("SELECT count(*) FROM app", database_name(directory))
    return count


async def write_at_last(database, unit):
    """Write a unit as soon as it takes no longer than a limit that a busy machine may exceed."""

    async def is_written():
        with suppress(ServiceUnavailable):
            await database.write(unit)
            return True

    await wait_until(is_written)


async def async_value(value):
    return value


def add(name):
    return lambda transaction: transaction.insert(ADD, name=name)


def test_units_of_several_processes_on_one_row_all_complete(tmp_path):
    """Two runners act as two processes, independent of each other."""

    def increment(transaction):
        (before,) = transaction.one(REVISION, name="shop")
        transaction.execute(TOUCH, name="shop")
        return before

    async def work(database):
        await database.write(add("shop"))
        async with open_postgres(tmp_path, module) as other:
            units = [runner.write(increment) for runner in (database, other) for _ in range(15)]
            assert sorted(await asyncio.gather(*units)) == list(range(1, 31))

    run_with_database(tmp_path, work)


def test_a_unit_that_conflicts_at_each_attempt_is_refused_for_now(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "MAX_ATTEMPTS", 4)

    async def work(database):
        await database.write(add("shop"))
        async with open_postgres(tmp_path, module) as other:
            attempts = []

            def unit(transaction):
                attempts.append(transaction.one(REVISION, name="shop"))
                # Another process changes the row between this unit's read and its write.
                other.read_blocking(lambda _reader: None)
                await_(other.write(lambda rival: rival.execute(TOUCH, name="shop")))
                transaction.execute(TOUCH, name="shop")

            with pytest.raises(ServiceUnavailable, match="in conflict 4 times") as caught:
                await database.write(unit)
        assert caught.value.headers["retry-after"]
        assert attempts == [(1,), (2,), (3,), (4,)]

    run_with_database(tmp_path, work)


def test_a_repeated_unit_reads_the_row_of_the_other(tmp_path):
    """Of two units that find or insert a row, the second finds that of the first."""

    async def work(database):
        async with open_postgres(tmp_path, module) as other:
            attempts = []

            def unit(transaction):
                attempts.append(transaction.one(BY_NAME, name="shop"))
                if attempts[-1]:
                    raise Conflict("the name is in use")
                if len(attempts) == 1:
                    await_(other.write(add("shop")))
                try:
                    transaction.insert(ADD, name="shop")
                except UniqueViolation as error:
                    raise Conflict("the name was in use") from error

            with pytest.raises(Conflict, match="is in use"):
                await database.write(unit)
            assert [row is None for row in attempts] == [True, False]

    run_with_database(tmp_path, work)


def test_a_violation_that_stays_is_raised_after_the_second_run(tmp_path):
    attempts = []

    def unit(transaction):
        attempts.append(1)
        transaction.insert(ADD, name="shop")

    async def work(database):
        await database.write(add("shop"))
        with pytest.raises(UniqueViolation):
            await database.write(unit)
        assert len(attempts) == 2

    run_with_database(tmp_path, work)


def test_a_unit_that_hides_a_violation_is_a_bug_and_not_a_success(tmp_path):
    def unit(transaction):
        transaction.insert(ADD, name="one")
        try:
            transaction.insert(ADD, name="one")
        except UniqueViolation:
            return "done"

    async def work(database):
        with pytest.raises(RuntimeError, match="succeeded after a statement that failed"):
            await database.write(unit)
        assert await database.read(lambda reader: reader.one(COUNT)) == (0,)

    run_with_database(tmp_path, work)


def test_a_unit_that_takes_long_does_not_delay_those_that_arrived_with_it(tmp_path):
    async def work(database):
        release = asyncio.Event()
        slow = asyncio.ensure_future(database.write(lambda _transaction: await_(release.wait())))
        await asyncio.gather(*(database.write(add(f"app-{n}")) for n in range(8)))
        await database.write(add("later"))
        assert not slow.done()
        release.set()
        assert await slow

    run_with_database(tmp_path, work)


def test_a_unit_that_waits_for_a_lock_does_not_delay_its_group(tmp_path):
    async def work(database):
        await database.write(add("shop"))
        async with open_postgres(tmp_path, module) as other:
            has_lock, release = asyncio.Event(), asyncio.Event()

            def hold(transaction):
                transaction.execute(TOUCH, name="shop")
                has_lock.set()
                await_(release.wait())

            holding = asyncio.ensure_future(other.write(hold))
            await has_lock.wait()
            units = [add("one"), lambda transaction: transaction.execute(TOUCH, name="shop"), add("two")]
            first, waiting, last = (asyncio.ensure_future(database.write(unit)) for unit in units)
            await asyncio.gather(first, last)
            assert not waiting.done()
            release.set()
            await holding
            assert await waiting == 1
        assert await database.read(lambda reader: reader.one(REVISION, name="shop")) == (3,)

    run_with_database(tmp_path, work)


@pytest.mark.parametrize("act", ["write", "read", "read_inline"])
def test_cancelled_callers_leave_no_session_in_a_transaction(tmp_path, act):
    def unit(access):
        access.one(SLEEP, seconds=0.02)
        return access.one(COUNT)

    async def work(database):
        for delay in (0, 0.005, 0.03):
            tasks = [asyncio.ensure_future(getattr(database, act)(unit)) for _ in range(12)]
            await asyncio.sleep(delay)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        async def is_idle():
            # The server may still list sessions whose clients have ended them.
            states = await session_states(tmp_path)
            return set(states) <= {"idle"} and len(states) <= runner.MAX_WRITERS + runner.MAX_READERS

        await wait_until(is_idle)
        assert await getattr(database, act)(lambda access: access.one(COUNT)) == (0,)

    run_with_database(tmp_path, work)


def test_a_statement_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "SETTINGS", {**driver.SETTINGS, "statement_timeout": "100ms"})

    async def work(database):
        for call in (database.write, database.read, database.read_inline):
            with pytest.raises(ServiceUnavailable, match="statement timeout") as caught:
                await call(lambda access: access.one(SLEEP, seconds=30))
            assert caught.value.headers["retry-after"]
        await write_at_last(database, add("later"))

    run_with_database(tmp_path, work)


def test_a_statement_that_takes_too_long_fails_no_other_unit_of_its_group(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "SETTINGS", {**driver.SETTINGS, "statement_timeout": "500ms"})

    def hang(transaction):
        add("slow")(transaction)
        transaction.one(SLEEP, seconds=30)

    async def work(database):
        calls = []
        database.on_events(lambda: calls.append(1))
        units = [emit(1), hang, emit(2)]
        results = await asyncio.gather(*map(database.write, units), return_exceptions=True)
        assert [isinstance(result, ServiceUnavailable) for result in results] == [False, True, False]
        assert await database.read(lambda reader: reader.one(COUNT)) == (0,)
        events = await Outbox(database, "app").pending(10)
        assert sorted(event.data["number"] for event in events) == [1, 2]
        assert calls

    run_with_database(tmp_path, work)


def test_a_lock_that_is_not_released_is_not_awaited_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "SETTINGS", {**driver.SETTINGS, "lock_timeout": "100ms"})

    async def work(database):
        has_lock, release = asyncio.Event(), asyncio.Event()

        def hold(transaction):
            transaction.execute(LOCK_APPS)
            has_lock.set()
            await_(release.wait())

        holding = asyncio.ensure_future(database.write(hold))
        await has_lock.wait()
        with pytest.raises(ServiceUnavailable, match="lock timeout"):
            await database.write(add("shop"))
        release.set()
        await holding
        await database.write(add("shop"))

    run_with_database(tmp_path, work)


def test_a_transaction_that_idles_is_ended(tmp_path, monkeypatch):
    settings = {**driver.SETTINGS, "idle_in_transaction_session_timeout": "100ms"}
    monkeypatch.setattr(driver, "SETTINGS", settings)

    async def work(database):
        def unit(transaction):
            transaction.insert(ADD, name="slow")
            await_(asyncio.sleep(0.5))
            transaction.insert(ADD, name="never")

        with pytest.raises(ServiceUnavailable):
            await database.write(unit)
        assert await count_apps(tmp_path) == 0

    run_with_database(tmp_path, work)


def test_more_units_than_connections_wait_for_a_bounded_time(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "WAIT_TIMEOUT_SECONDS", 0.2)

    async def work(database):
        async with connections_in_use(database):
            with pytest.raises(ServiceUnavailable, match="all 6 database connections are in use") as caught:
                await database.write(add("shop"))
            assert caught.value.headers["retry-after"]
        await database.write(add("shop"))

    run_with_database(tmp_path, work)


def test_sessions_that_the_server_ended_are_replaced(tmp_path):
    async def work(database):
        await asyncio.gather(*(database.write(add(f"app-{n}")) for n in range(20)))
        await database.read(lambda reader: reader.one(COUNT))
        name = database_name(tmp_path)
        await postgres_databases()._run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'", "postgres"
        )
        assert await database.read(lambda reader: reader.one(COUNT)) == (20,)
        await asyncio.gather(*(database.write(add(f"more-{n}")) for n in range(20)))

    run_with_database(tmp_path, work)


def test_a_server_that_went_away_and_came_back_needs_no_restart():
    server = PostgresServer(installed_binaries())
    try:
        databases = PostgresDatabases(server)
        databases.create("shop")
        databases.run("CREATE TABLE app (id bigint primary key)", "shop")

        async def work():
            database = PostgresDatabase(server.url("shop"), "shop", append_unnumbered, number_events)
            calls = (database.write, database.read, database.read_inline)
            for call in calls:
                assert await call(lambda access: access.one(COUNT)) == (0,)
            server.stop()
            for call in calls * 3:
                with pytest.raises(ServiceUnavailable) as caught:
                    await call(lambda access: access.one(COUNT))
                assert caught.value.headers["retry-after"]
            server.start()
            for call in calls:
                assert await call(lambda access: access.one(COUNT)) == (0,)
            await database.close()

        asyncio.run(work())
    finally:
        server.close()


def test_a_server_that_refuses_connections_is_reported_at_once():
    async def work():
        database = PostgresDatabase(
            "postgresql://alm@127.0.0.1:1/alm", "app", append_unnumbered, number_events
        )
        calls = [database.read(lambda reader: reader.one(COUNT)), *(database.write(add(n)) for n in "abc")]
        for result in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(result, ServiceUnavailable)
            assert "database of app is temporarily unavailable" in result.detail
        await database.close()

    asyncio.run(work())


def test_an_event_that_is_committed_late_gets_a_number_after_those_before_it(tmp_path):
    """Its position is lower than that of events which already have their numbers."""
    appended, release = asyncio.Event(), asyncio.Event()

    def append_slowly(transaction, events):
        append_unnumbered(transaction, events)
        appended.set()
        await_(release.wait())

    async def work(database):
        url = postgres_url(tmp_path, module)
        slow = PostgresDatabase(url, "app", append_slowly, number_events)
        writing = asyncio.ensure_future(slow.write(emit(0)))
        await appended.wait()
        await database.write(emit(1, 2))
        box = Outbox(database, "app")
        assert [event.data["number"] for event in await box.pending(10)] == [1, 2]
        await box.acknowledge(2)
        release.set()
        await writing
        assert [(event.sequence, event.data["number"]) for event in await box.pending(10)] == [(3, 0)]
        await slow.close()

    run_with_database(tmp_path, work)


def test_callers_that_wait_for_numbers_share_transactions(tmp_path):
    url = postgres_url(tmp_path, module)
    runs = []

    def number(transaction):
        runs.append(transaction)
        return number_events(transaction)

    async def work():
        database = PostgresDatabase(url, "app", append_unnumbered, number)
        await database.write(emit(*range(3)))
        waiting = [asyncio.ensure_future(database.number_events()) for _ in range(20)]
        await asyncio.sleep(0)
        waiting.append(asyncio.ensure_future(database.write(emit(3))))
        await asyncio.gather(*waiting)
        assert len(runs) <= 2
        assert await latest_sequence(database) == 4
        await database.close()

    asyncio.run(work())


def test_more_events_than_a_batch_are_numbered_at_once(tmp_path):
    async def work(database):
        await database.write(emit(*range(1200)))
        assert await latest_sequence(database) == 1200
        events = await Outbox(database, "app").pending(2000)
        assert [event.data["number"] for event in events] == list(range(1200))

    run_with_database(tmp_path, work)


async def lead(leadership):
    """Wait until a process has the role."""
    while not await leadership.try_acquire():  # noqa: ASYNC110 - the lock is of the server, which sets no event
        await asyncio.sleep(0.05)


def test_one_process_leads_and_another_takes_over(tmp_path):
    async def work(database):
        async with open_postgres(tmp_path, module) as other:
            await lead(database.leadership())
            waiting = asyncio.ensure_future(lead(other.leadership()))
            await asyncio.sleep(1.5)
            assert not waiting.done()
            await database.leadership().release()
            await waiting
            assert other.leadership().is_leader
            assert not database.leadership().is_leader

    run_with_database(tmp_path, work)


def test_a_leader_with_an_ended_session_is_not_the_leader(tmp_path):
    async def work(database):
        await lead(database.leadership())
        await postgres_databases()._run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%app relay'",
            "postgres",
        )
        async with open_postgres(tmp_path, module) as other:
            await lead(other.leadership())
            for _ in range(3):
                with suppress(ServiceUnavailable):  # the first call may find the session lost
                    assert not await database.leadership().try_acquire()
                assert not database.leadership().is_leader

    run_with_database(tmp_path, work)


def test_a_leader_that_hangs_is_succeeded(tmp_path):
    """Its connection stays open, and neither its process nor its system closes it."""

    async def work(database):
        url = await asyncio.to_thread(postgres_url, tmp_path, module)
        hanging = PostgresLeadership(url, "app", lambda: None, idle_seconds=1)
        await lead(hanging)
        await lead(database.leadership())
        with suppress(ServiceUnavailable):  # the first call may find the session lost
            assert not await hanging.try_acquire()
        assert not hanging.is_leader
        await hanging.release()

    run_with_database(tmp_path, work)


def test_a_lock_without_a_limit_outlasts_a_configured_one(tmp_path):
    async def work(_database):
        url = await asyncio.to_thread(postgres_url, tmp_path, module)
        name = urlsplit(url).path.removeprefix("/")
        limit = f"ALTER DATABASE \"{name}\" SET idle_session_timeout = '1s'"
        await postgres_databases()._run(limit, "postgres")
        holder, other = (PostgresLeadership(url, "app", lambda: None) for _ in range(2))
        await lead(holder)
        await asyncio.sleep(1.5)
        assert not await other.try_acquire()
        assert holder.is_leader
        await holder.release()
        await other.release()

    run_with_database(tmp_path, work)


BOUNCER_PARAMETERS = {"user", "database", "client_encoding", "application_name"}
"""Start-up parameters of the driver that PgBouncer knows; it refuses others, unless it is to ignore them."""


def test_a_process_leads_through_a_pooler_that_ignores_the_documented_parameters(tmp_path):
    page = (CHECKOUT / "docs/scaling.md").read_text()
    ignored = re.findall(r"`ignore_startup_parameters = ([\w, ]+)`", page)[0].split(", ")

    async def work(_database):
        url = urlsplit(await asyncio.to_thread(postgres_url, tmp_path, module))
        async with pooler(url.port, BOUNCER_PARAMETERS.union(ignored)) as port:
            through = urlunsplit(url._replace(netloc=url.netloc.replace(f":{url.port}", f":{port}")))
            leadership = PostgresLeadership(through, "app", lambda: None, idle_seconds=60)
            await lead(leadership)
            assert leadership.is_leader
            await leadership.release()

    run_with_database(tmp_path, work)


@asynccontextmanager
async def pooler(port, parameters):
    """Yield the port of a proxy that refuses other start-up parameters, as PgBouncer does."""

    async def forward(reader, writer):
        while content := await reader.read(65536):
            writer.write(content)
        writer.close()

    async def accept(reader, writer):
        await reader.readexactly(8)  # the request for TLS
        writer.write(b"N")
        size = await reader.readexactly(4)
        message = await reader.readexactly(int.from_bytes(size) - len(size))
        names = {name.decode() for name in message[4:].split(b"\0")[::2] if name}
        if names <= parameters:
            back, to = await asyncio.open_connection("127.0.0.1", port)
            to.write(size + message)
            await asyncio.gather(forward(reader, to), forward(back, writer))
        else:
            fields = f"SFATAL\0C08P01\0Munsupported startup parameter: {names - parameters}\0\0".encode()
            writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
            writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def test_commits_of_other_processes_wake_the_leader(tmp_path):
    async def work(database):
        woken = []
        database.on_events(lambda: woken.append(1))
        await lead(database.leadership())
        async with open_postgres(tmp_path, module) as other:
            await asyncio.gather(*(other.write(emit(n)) for n in range(20)))

            async def is_woken():
                return bool(woken)

            await wait_until(is_woken)
            assert len(woken) < 20  # at an interval, not for each commit

    run_with_database(tmp_path, work)


def test_a_text_with_nul_is_not_stored(tmp_path):
    async def work(database):
        with pytest.raises(ValueError, match="NUL"):
            await database.write(lambda transaction: transaction.execute(ADD, name="a\0b"))
        await database.write(add("ab"))

    run_with_database(tmp_path, work)
