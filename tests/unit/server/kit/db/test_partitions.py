"""Monthly partitions on PostgreSQL: of a table with rows, ahead of time, closed to the server's role."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from datetime import UTC, datetime

import asyncpg
import pytest

from envmgr.server.audit import module as audit_module
from envmgr.server.deployment import module as deployment_module
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.db import migrations, partitions
from envmgr.server.kit.db.postgresql.database import PostgresDatabase
from envmgr.server.kit.db.postgresql.target import PostgresTarget
from envmgr.server.kit.messaging import event_numbering
from support.services.audit_fixtures import KEY, all_entries, event, events, verified
from support.services.database_runners import open_sqlite, postgres_databases
from support.services.postgres_server import NEEDS_POSTGRESQL
from support.services.service_fixtures import call

pytestmark = [
    pytest.mark.timeout(120),
    NEEDS_POSTGRESQL,
]
DAY_MS = 24 * 3600 * 1000
TABLES = {audit_module: "entry", deployment_module: "status_entry"}
services = pytest.mark.parametrize("service", TABLES, ids=lambda service: service.NAME)
INSERT_STATUS = (
    "INSERT INTO status_entry (deployment_id, status, reason, actor, created_at)"
    " VALUES (1, 'pending', '', 'user:ada', {at}) RETURNING id"
)


def execute(url, *statements):
    async def run():
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetch(statement) for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(run())


def values(url, statement):
    """Return the first column of a query."""
    return [row[0] for row in execute(url, statement)[0]]


def partitions_of(url, table):
    return set(
        values(url, f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{table}'::regclass")
    )


def months(table, first, count):
    """Return the names of partitions, from a number of months ahead of this one."""
    now = datetime.now(UTC)
    numbers = [now.year * 12 + now.month - 1 + ahead for ahead in range(first, first + count)]
    return {f"{table}_{number // 12:04}_{number % 12 + 1:02}" for number in numbers}


def milliseconds(months_ahead):
    """Return a time in the middle of a month."""
    now = datetime.now(UTC)
    number = now.year * 12 + now.month - 1 + months_ahead
    return int(datetime(number // 12, number % 12 + 1, 15, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def role():
    name = f"role_{secrets.token_hex(4)}"
    execute(postgres_databases().server.url(), f"CREATE ROLE {name} LOGIN")
    return name


def new_url(user="alm"):
    return postgres_databases().server.url(f"parts_{secrets.token_hex(4)}", user)


def as_role(url, role):
    return url.replace("//alm@", f"//{role}@")


def upgrade(url, service, revision="", role=""):
    target = PostgresTarget(url)
    migrations.upgrade(target, service.MIGRATIONS, revision or service.HEAD)
    if role:
        target.grant(role)


def run_with_log(url, scenario):
    """Run a scenario over the audit service: `scenario(audit, database)`."""

    async def main():
        database = PostgresDatabase(
            url, "audit", event_numbering.append_unnumbered, event_numbering.number_events
        )
        try:
            return await scenario(audit_module.make(database, KEY), database)
        finally:
            await database.close()

    return asyncio.run(main())


@services
def test_a_new_database_has_partitions_for_the_next_months(service):
    url, table = new_url(), TABLES[service]
    upgrade(url, service)
    assert partitions_of(url, table) == {f"{table}_past", f"{table}_default", *months(table, 1, 3)}


def test_a_log_with_entries_is_partitioned_as_it_is(role):
    url = new_url()
    upgrade(url, audit_module, "0001", role)
    server = as_role(url, role)

    async def write(audit, _):
        await audit.append(events(5))
        await audit.checkpoint_if_changed()
        return await all_entries(audit)

    before = run_with_log(server, write)
    upgrade(url, audit_module)

    async def go_on(audit, _):
        assert await all_entries(audit) == before
        await audit.append([event(6, time=rfc3339(milliseconds(1))), event(7, time=rfc3339(milliseconds(0)))])
        page = await audit.list(call(), PageRequest(limit=2), milliseconds(1) - DAY_MS, None)
        return await all_entries(audit), [entry.seq for entry in page.items]

    after, in_next_month = run_with_log(server, go_on)
    assert after[:5] == before
    assert verified(after) == []
    assert in_next_month == [6]
    assert values(url, f"SELECT seq FROM {months('entry', 1, 1).pop()}") == [6]
    assert values(url, "SELECT count(*) FROM entry_past") == [6]


def test_a_history_with_entries_is_partitioned_as_it_is(role):
    url = new_url()
    upgrade(url, deployment_module, "0001", role)
    server = as_role(url, role)
    assert [values(server, INSERT_STATUS.format(at=at)) for at in (1, 2)] == [[1], [2]]
    upgrade(url, deployment_module)
    assert values(server, INSERT_STATUS.format(at=milliseconds(2))) == [3]
    assert values(server, "SELECT id FROM status_entry ORDER BY id") == [1, 2, 3]
    PostgresTarget(server).skip_ids(0, 10)
    assert values(server, INSERT_STATUS.format(at=milliseconds(0)))[0] >= 14


@services
@pytest.mark.parametrize("is_new", [True, False], ids=["granted after", "granted before"])
def test_the_servers_role_writes_to_no_partition(service, is_new, role):
    url, table = new_url(), TABLES[service]
    if is_new:
        upgrade(url, service, role=role)
    else:
        upgrade(url, service, "0001", role)
        upgrade(url, service)
    for partition in partitions_of(url, table):
        for statement in (
            f"INSERT INTO {partition} SELECT * FROM {table}",
            f"UPDATE {partition} SET actor = 'user:eve'",
            f"DELETE FROM {partition}",
            f"TRUNCATE {partition}",
            f"ALTER TABLE {table} DETACH PARTITION {partition}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                execute(as_role(url, role), statement)
    for statement in (f"UPDATE {table} SET actor = 'user:eve'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            execute(as_role(url, role), statement)


@services
def test_triggers_refuse_a_change_of_each_partition(service):
    url, table = new_url(), TABLES[service]
    upgrade(url, service)
    for partition in (table, *partitions_of(url, table)):
        for statement in (
            f"UPDATE {partition} SET actor = 'x'",
            f"DELETE FROM {partition}",
            f"TRUNCATE {partition}",
        ):
            with pytest.raises(asyncpg.PostgresError, match="append-only"):
                # A superuser needs no privilege.
                execute(url, statement)
        if partition != table:
            with pytest.raises(asyncpg.PostgresError, match="append-only"):
                execute(url, f"INSERT INTO {partition} SELECT * FROM {table}")


HASH, OTHER_HASH = "11" * 32, "22" * 32


def two_entries(seqs, hashes):
    """Return the values of two entries of different months, with these numbers and previous hashes."""
    return ", ".join(
        f"({seq}, 'new-{n}', 'app', {n + 10}, 't', 'a', 'r', '{{}}', {milliseconds(n + 1)}, '{hash_}', '{HASH}')"
        for n, (seq, hash_) in enumerate(zip(seqs, hashes, strict=True))
    )


@pytest.mark.parametrize(
    ("seqs", "second"),
    [((3, 4), OTHER_HASH), ((3, 3), HASH), ((3, 5), HASH), ((2, 3), HASH), ((4, 5), HASH)],
)
def test_rows_of_one_statement_follow_each_other(seqs, second):
    url = new_url()
    upgrade(url, audit_module)
    run_with_log(url, lambda audit, _: audit.append(events(2)))
    (last,) = values(url, "SELECT hash FROM entry WHERE seq = 2")
    with pytest.raises(asyncpg.PostgresError, match="does not follow"):
        execute(url, f"INSERT INTO entry VALUES {two_entries(seqs, [last, second])}")
    execute(url, f"INSERT INTO entry VALUES {two_entries((3, 4), [last, HASH])}")
    assert values(url, "SELECT count(*) FROM entry") == [4]


def test_an_entry_of_any_month_finds_a_partition():
    url = new_url()
    upgrade(url, audit_module)

    async def write(audit, _):
        await audit.append([event(1), event(2, time=rfc3339(milliseconds(30)))])
        return await all_entries(audit)

    assert verified(run_with_log(url, write)) == []
    assert values(url, "SELECT seq FROM entry_default") == [2]


def test_a_number_is_unique_across_months():
    url = new_url()
    upgrade(url, audit_module)
    run_with_log(url, lambda audit, _: audit.append(events(2)))
    (row,) = execute(url, "SELECT * FROM entry WHERE seq = 2")[0]
    for number in (2, 4):
        with pytest.raises(asyncpg.PostgresError, match="does not follow"):
            execute(
                url,
                "INSERT INTO entry SELECT"
                f" {number}, 'other', source_service, 9, event_type, actor, resource, payload, {milliseconds(1)},"
                f" prev_hash, '{row['hash']}' FROM entry WHERE seq = 2",
            )


def test_concurrent_writers_append_one_after_the_other():
    """Without an index of the whole table, two transactions of a weaker isolation could take one number."""
    url = new_url()
    upgrade(url, audit_module)
    insert = (
        "INSERT INTO entry SELECT coalesce(max(seq), 0) + 1, gen_random_uuid()::text, 'app',"
        " coalesce(max(seq), 0) + 1, 't', 'a', 'r', '{{}}', {at},"
        " coalesce((SELECT hash FROM entry ORDER BY seq DESC LIMIT 1), repeat('0', 64)), md5(random()::text) FROM entry"
    )

    async def append(at):
        connection = await asyncpg.connect(url)
        try:
            for _ in range(20):
                with suppress(asyncpg.RaiseError):
                    await connection.execute(insert.format(at=at))
        finally:
            await connection.close()

    async def both():
        await asyncio.gather(append(milliseconds(1)), append(milliseconds(2)))

    asyncio.run(both())
    numbers = values(url, "SELECT seq FROM entry ORDER BY seq")
    assert numbers == list(range(1, len(numbers) + 1))


@services
def test_the_job_creates_missing_partitions_with_the_servers_role(service, role):
    url, table = new_url(), TABLES[service]
    upgrade(url, service, role=role)
    gone = sorted(months(table, 2, 2))
    execute(url, *(f"DROP TABLE {partition}" for partition in gone))

    async def run():
        database = PostgresDatabase(
            as_role(url, role), service.NAME, event_numbering.append_unnumbered, event_numbering.number_events
        )
        try:
            return [await database.write(partitions.create_partitions) for _ in range(2)]
        finally:
            await database.close()

    assert asyncio.run(run()) == [2, 0]
    assert partitions_of(url, table) == {f"{table}_past", f"{table}_default", *months(table, 1, 3)}
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        execute(as_role(url, role), f"DELETE FROM {gone[0]}")
    indexes = "SELECT count(*) FROM pg_index WHERE indrelid = '{}'::regclass"
    assert values(url, indexes.format(gone[0])) == values(url, indexes.format(f"{table}_past"))


def test_a_month_whose_rows_are_in_the_default_partition_stays_there():
    url = new_url()
    upgrade(url, deployment_module)
    name = months("status_entry", 2, 1).pop()
    execute(url, f"DROP TABLE {name}", INSERT_STATUS.format(at=milliseconds(2)))
    assert values(url, "SELECT create_partitions(4)") == [1]
    assert name not in partitions_of(url, "status_entry")
    assert partitions_of(url, "status_entry") > months("status_entry", 3, 2)
    assert values(url, INSERT_STATUS.format(at=milliseconds(2))) != []


def test_sqlite_has_no_partitions_to_create(tmp_path):
    async def run():
        async with open_sqlite(tmp_path, audit_module) as database:
            return await database.write(partitions.create_partitions)

    assert asyncio.run(run()) == 0
