from __future__ import annotations

import asyncio
import sqlite3

import msgspec
import pytest

from envmgr.server.audit import module, store
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.db.migrations import upgrade
from envmgr.server.kit.db.sqlite_file import SqliteFile
from support.services.audit_fixtures import all_entries, event, events, run, verified
from support.services.database_runners import sqlite_database
from support.services.service_fixtures import call


def write_log(directory):
    """Write a log of three entries and a checkpoint; return its file, opened outside of the service."""

    async def scenario(audit, _):
        await audit.append(events(3))
        await audit.checkpoint(call())

    run(directory, scenario)
    return sqlite3.connect(directory / "audit.db", isolation_level=None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET actor = 'user:eve' WHERE seq = 2",
        "UPDATE entry SET seq = 9 WHERE seq = 3",
        "DELETE FROM entry",
        "DELETE FROM entry WHERE seq = 3",
        "UPDATE checkpoint SET seq = 1",
        "DELETE FROM checkpoint",
        "UPDATE log SET origin = 'other'",
        "DELETE FROM log",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 2",
        "INSERT OR REPLACE INTO entry SELECT 4, id, 'x', 9, 't', 'a', 'r', '{}', 1, hash, '' FROM entry WHERE seq = 3",
        (
            "INSERT OR REPLACE INTO entry SELECT 4, 'new', source_service, 2, 't', 'a', 'r', '{}', 1, hash, ''"
            " FROM entry WHERE seq = 3"
        ),
        "INSERT INTO entry SELECT 5, 'new', 'x', 9, 't', 'a', 'r', '{}', 1, hash, '' FROM entry WHERE seq = 3",
        "INSERT INTO entry SELECT 4, 'new', 'x', 9, 't', 'a', 'r', '{}', 1, hash, '' FROM entry WHERE seq = 2",
        "INSERT OR REPLACE INTO checkpoint SELECT * FROM checkpoint",
        (
            "INSERT INTO checkpoint SELECT id + 2, origin, seq, hash, timestamp, previous, public_key, signature"
            " FROM checkpoint"
        ),
    ],
)
def test_the_database_makes_the_log_append_only(tmp_path, statement):
    intruder = write_log(tmp_path)
    before = list(intruder.iterdump())
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        intruder.execute(statement)
    assert list(intruder.iterdump()) == before
    intruder.close()


DROP = (
    "".join(f"DROP TRIGGER entry_no_{act};" for act in ("update", "delete")) + "DROP TRIGGER entry_follows;"
)


@pytest.mark.parametrize(
    ("act", "kinds"),
    [
        ("UPDATE entry SET actor = 'user:eve' WHERE seq = 2", {"changed"}),
        ("UPDATE entry SET payload = '{}' WHERE seq = 3", {"changed"}),
        ("DELETE FROM entry WHERE seq = 2", {"removed", "gap"}),
        ("DELETE FROM entry WHERE seq = 3", {"truncated"}),
        ("DELETE FROM entry", {"truncated"}),
        (
            "DELETE FROM entry WHERE seq = 2; UPDATE entry SET seq = 2 WHERE seq = 3",
            {"changed", "gap", "truncated"},
        ),
        (
            (
                "INSERT INTO entry SELECT 4, 'new', 'app', 4, 'AppDeleted', actor, resource, '{}', timestamp,"
                " hash, hash FROM entry WHERE seq = 3"
            ),
            {"changed"},
        ),
        (
            (
                "UPDATE entry SET seq = 9 WHERE seq = 2; UPDATE entry SET seq = 2 WHERE seq = 3;"
                "UPDATE entry SET seq = 3 WHERE seq = 9"
            ),
            {"changed"},
        ),
    ],
)
def test_changes_by_the_owner_of_the_database_are_detected(tmp_path, act, kinds):
    intruder = write_log(tmp_path)
    intruder.executescript(DROP + act)
    intruder.close()

    async def audited(audit, _):
        page = await audit.checkpoints(call(), PageRequest())
        return verified(await all_entries(audit), [msgspec.to_builtins(item) for item in page.items])

    assert {finding.kind for finding in run(tmp_path, audited)} - {"rewritten"} == kinds


def test_the_first_entry_has_the_genesis_hash(tmp_path):
    opened = sqlite_database(tmp_path, module)
    asyncio.run(opened.close())
    intruder = sqlite3.connect(tmp_path / "audit.db", isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="does not follow"):
        intruder.execute(
            "INSERT INTO entry VALUES (1, 'new', 'x', 9, 't', 'a', 'r', '{}', 1, ?, '')", ["11" * 32]
        )
    intruder.close()


def test_every_log_has_a_unique_and_stable_origin(tmp_path):
    names = set()
    for name in ("one", "other", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        opened = sqlite_database(tmp_path / name, module)
        names.add(asyncio.run(opened.read(store.origin)))
        asyncio.run(opened.close())
    assert len(names) == 2


def test_the_migrations_create_the_tables_of_the_code(tmp_path):
    path = str(tmp_path / "migrated.db")
    upgrade(SqliteFile(path), module.MIGRATIONS, module.HEAD)
    assert shape(path) == expected_shape(tmp_path / "expected.db")


def shape(path):
    connection = sqlite3.connect(path)
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if name not in {"alembic_version", "sqlite_sequence"}
    ]
    result = {}
    for table in tables:
        # A key needs no word that it is not null.
        columns = [
            (name, type_, is_key, is_key or not_null)
            for _, name, type_, not_null, _, is_key in connection.execute(f"PRAGMA table_info({table})")
        ]
        indexes = {
            (name, unique): [row[2] for row in connection.execute(f"PRAGMA index_info({name})")]
            for _, name, unique, origin, _ in connection.execute(f"PRAGMA index_list({table})")
            if origin == "c"
        }
        result[table] = columns, indexes
    connection.close()
    return result


def expected_shape(path):
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{path}")
    store.metadata.create_all(engine)
    engine.dispose()
    return shape(path)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ("actor = 'a'", "entry_actor"),
        ("event_type = 'a'", "entry_type"),
        ("resource = 'a'", "entry_resource"),
        ("source_service = 'a'", "entry_service"),
    ],
)
def test_a_page_by_any_field_is_read_from_an_index_without_sorting(tmp_path, filters, index):
    intruder = write_log(tmp_path)
    plan = intruder.execute(
        f"EXPLAIN QUERY PLAN SELECT * FROM entry WHERE {filters} ORDER BY seq DESC LIMIT 50"
    )
    steps = " ".join(row[3] for row in plan)
    intruder.close()
    assert index in steps
    assert "TEMP B-TREE" not in steps


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ("1", "entry_timestamp"),
        ("actor = 'a'", "entry_actor_time"),
        ("event_type = 'a'", "entry_type_time"),
        ("source_service = 'a'", "entry_service_time"),
    ],
)
def test_a_page_of_a_range_is_read_from_an_index_without_sorting(tmp_path, filters, index):
    intruder = write_log(tmp_path)
    plan = intruder.execute(
        f"EXPLAIN QUERY PLAN SELECT * FROM entry WHERE {filters} AND timestamp >= 1 AND timestamp < 9"
        " ORDER BY timestamp DESC, seq DESC LIMIT 50"
    )
    steps = " ".join(row[3] for row in plan)
    intruder.close()
    assert index in steps
    assert "TEMP B-TREE" not in steps


RESOURCES = (
    "app/1",
    "app/1/version/2",
    "app/1/version/2/x",
    "app/1/version/21",
    "app/1/deployment/3",
    "app/10",
    "app/10/version/4",
    "app/2",
    "environment/Auto",
    "environment/auto",
    "environment/prod",
    "environment/prod-eu",
    "environment/prod.eu",
)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("app/1", RESOURCES[:5]),
        ("app/1/version/2", RESOURCES[1:3]),
        ("app/10", RESOURCES[5:7]),
        ("app/3", ()),
        ("environment/prod", ("environment/prod",)),
        ("environment/PROD", ("environment/prod",)),
        ("environment/auto", ("environment/Auto", "environment/auto")),
        ("environment/AUTO", ("environment/Auto", "environment/auto")),
        ("app/%", ()),
    ],
)
def test_a_resource_filter_includes_only_resources_below_it(tmp_path, resource, expected):
    async def scenario(audit, _):
        await audit.append([event(n, subject=name) for n, name in enumerate(RESOURCES, 1)])
        request = PageRequest(50, filters={"resource": resource})
        pages = [await audit.list(call(), request, since, None) for since in (None, 0)]
        return [sorted(entry.resource for entry in page.items) for page in pages]

    assert run(tmp_path, scenario) == [sorted(expected)] * 2
