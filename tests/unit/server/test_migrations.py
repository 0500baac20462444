"""Every service's migrations, compared with the tables in its code."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from envmgr.server.bootstrap import databases, registry
from envmgr.server.bootstrap.backend import SqliteBackend
from envmgr.server.kit.db import migrations
from envmgr.server.kit.db.migrations import NewerDatabase, UnusableDatabase
from envmgr.server.kit.db.shared_tables import unnumbered_outbox
from envmgr.server.kit.db.sqlite_file import SqliteFile

METADATA = {
    "app": "envmgr.server.app.store",
    "version": "envmgr.server.version.store.tables",
    "deployment": "envmgr.server.deployment.store.tables",
    "audit": "envmgr.server.audit.store",
    "gateway": "envmgr.server.gateway.store.tables",
    "worker": "envmgr.server.worker.store",
}
services = pytest.mark.parametrize("service", registry.SERVICES, ids=lambda service: service.NAME)


def upgrade(path, revisions, head):
    migrations.upgrade(SqliteFile(path), revisions, head)


def shape(path):
    """Return the tables, columns and indexes of a database."""
    connection = sqlite3.connect(path)
    try:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        result = {}
        for name, sql in tables:
            if name.startswith(("sqlite_", "alembic_")):
                continue
            columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
            indexes = {
                (index[1] if index[3] == "c" else index[3], bool(index[2]), bool(index[4])): [
                    (row[2], bool(row[3]))
                    for row in connection.execute(f"PRAGMA index_xinfo({index[1]})")
                    if row[5]
                ]
                for index in connection.execute(f"PRAGMA index_list({name})")
            }
            result[name] = {
                "columns": {row[1]: (row[2], bool(row[3]) and not row[5], row[5]) for row in columns},
                "indexes": indexes,
                "without rowid": bool(re.search(r"WITHOUT\s+ROWID", sql, re.IGNORECASE)),
                "autoincrement": "AUTOINCREMENT" in sql.upper(),
            }
        return result
    finally:
        connection.close()


@services
def test_migrations_create_the_tables_of_the_code(service, tmp_path):
    upgrade(str(tmp_path / "migrated.db"), service.MIGRATIONS, service.HEAD)
    metadata = importlib.import_module(METADATA[service.NAME]).metadata
    engine = create_engine(f"sqlite:///{tmp_path / 'named.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert shape(tmp_path / "migrated.db") == shape(tmp_path / "named.db")


@services
def test_a_second_upgrade_changes_nothing(service, tmp_path):
    path = str(tmp_path / "one.db")
    upgrade(path, service.MIGRATIONS, service.HEAD)
    before = dump(path)
    upgrade(path, service.MIGRATIONS, service.HEAD)
    assert dump(path) == before


@pytest.mark.slow
def test_concurrent_upgrades_run_once(tmp_path):
    service = registry.SERVICES[0]
    path = str(tmp_path / "one.db")
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for result in [pool.submit(upgrade, path, service.MIGRATIONS, service.HEAD) for _ in range(2)]:
            result.result(timeout=60)
    upgrade(str(tmp_path / "alone.db"), service.MIGRATIONS, service.HEAD)
    assert dump(path) == dump(str(tmp_path / "alone.db"))


def test_a_database_of_a_newer_server_is_left_alone(tmp_path):
    service = registry.SERVICES[0]
    path = str(tmp_path / "one.db")
    upgrade(path, service.MIGRATIONS, service.HEAD)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = dump(path)
    with pytest.raises(NewerDatabase, match=re.escape(path)):
        upgrade(path, service.MIGRATIONS, service.HEAD)
    assert dump(path) == before


def revisions(service):
    """Return a service's revisions, oldest first."""
    result = sorted(
        re.findall(r"^r(\d{4})_\w+\.py$", "\n".join(os.listdir(service.MIGRATIONS)), re.MULTILINE)
    )
    assert result[-1] == service.HEAD
    return result


@pytest.mark.parametrize(
    ("service", "revision"),
    [
        pytest.param(service, revision, id=f"{service.NAME}-{revision}")
        for service in registry.SERVICES
        for revision in revisions(service)
    ],
)
def test_an_upgrade_from_any_revision_keeps_every_row_and_yields_the_current_schema(
    service, revision, tmp_path
):
    path = str(tmp_path / "old.db")
    upgrade(path, service.MIGRATIONS, revision)
    fill(path)
    before = rows(path)
    assert all(len(result) >= (1 if table in SINGLE_ROW else ROWS) for table, result in before.items())
    upgrade(path, service.MIGRATIONS, service.HEAD)
    after = rows(path)
    for table, result in before.items():
        assert [row for row in result if not any(row.items() <= row_.items() for row_ in after[table])] == []
    metadata = importlib.import_module(METADATA[service.NAME]).metadata
    engine = create_engine(f"sqlite:///{tmp_path / 'named.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert shape(path) == shape(tmp_path / "named.db")
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


ROWS = 3
SINGLE_ROW = {"outbox_head", "log"}
JSON = {
    "rules": '{"auto_deploy":[{"app":"shop","tag_range":"^2"}],"requires_approval":true}',
    "artifacts": '[{"name":"shop.zip","digest":"sha256:0","url":"https://ci.e.org/1"}]',
    "requests": '["nodejs@20"]',
    "platforms": '["linux-x64"]',
    "scopes": '["apps:read"]',
    "apps": '["shop"]',
    **dict.fromkeys(("answer", "build", "claims", "data", "event", "payload"), '{"app":"shop"}'),
}
STATUSES = ("successful", "superseded", "pending")
MOMENT = 1_790_000_000_000


def fill(path):
    """Insert rows into each table as a server writes them."""
    connection = sqlite3.connect(path)
    with connection:
        for table in tables(connection):
            columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            if table in SINGLE_ROW and connection.execute(f'SELECT 1 FROM "{table}"').fetchone():
                continue
            marks = ", ".join("?" * len(columns))
            values = [[plausible(column, n) for column in columns] for n in range(ROWS)]
            connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', values)
    connection.close()


def plausible(column, n):
    """Return a value for a column in a row: different in each, and null in the first if allowed."""
    _, name, type_, never_null, _, key = column
    if n == 0 and not never_null and not key:
        return None
    if type_ == "INTEGER":
        is_time = name.endswith("_at") or name in {"at", "time", "timestamp", "current_since", "until"}
        return MOMENT + n if is_time else n % 2 if name in {"gone", "deleted", "active"} else n + 1
    if name in {"hash", "prev_hash"}:
        return f"{n + (name == 'hash'):064x}"
    return STATUSES[n] if name == "status" else JSON.get(name, f"{name}-{n}")


def tables(connection):
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [name for (name,) in rows if not name.startswith(("sqlite_", "alembic_"))]


def rows(path):
    """Return every row of every table by column."""
    connection = sqlite3.connect(path)
    result = {}
    for table in tables(connection):
        cursor = connection.execute(f'SELECT * FROM "{table}"')
        columns = [column[0] for column in cursor.description]
        result[table] = [dict(zip(columns, row, strict=True)) for row in cursor]
    connection.close()
    return result


@services
@pytest.mark.parametrize("content", [b"hello\n", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_not_a_database_is_named_with_a_hint_and_left_alone(service, content, tmp_path):
    path = tmp_path / f"{service.NAME}.db"
    path.write_bytes(content)
    with pytest.raises(UnusableDatabase, match=f"^{re.escape(str(path))} is corrupt") as caught:
        upgrade(str(path), service.MIGRATIONS, service.HEAD)
    assert "backup" in (caught.value.hint or "")
    assert path.read_bytes() == content


def test_a_foreign_database_is_rejected_and_left_alone(tmp_path):
    service, path = registry.SERVICES[0], str(tmp_path / "app.db")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE song (title TEXT)")
    connection.close()
    before = dump(path)
    with pytest.raises(UnusableDatabase, match="contains foreign tables"):
        upgrade(path, service.MIGRATIONS, service.HEAD)
    assert dump(path) == before


def test_a_database_that_cannot_be_opened_is_named_with_a_hint(tmp_path):
    service, path = registry.SERVICES[0], tmp_path / "app.db"
    path.mkdir()
    with pytest.raises(
        UnusableDatabase, match=f"^cannot open database {re.escape(str(path))}: unable to open"
    ):
        upgrade(str(path), service.MIGRATIONS, service.HEAD)


@pytest.mark.parametrize("other", registry.SERVICES, ids=lambda service: service.NAME)
def test_the_database_of_another_service_is_refused_unchanged(tmp_path, other):
    (tmp_path / "data").mkdir()
    data = databases.data_directory(str(tmp_path / "data"))
    for service in registry.SERVICES:
        path = data.database(service.NAME)
        upgrade(path, other.MIGRATIONS, other.HEAD)
        before = dump(path)
        target = SqliteBackend(data).target(service.NAME)
        if service is other:
            assert target.revision() == service.HEAD
            continue
        with pytest.raises(UnusableDatabase, match="is another service's: it has no table"):
            migrations.upgrade(target, service.MIGRATIONS, service.HEAD)
        assert dump(path) == before


def test_damage_inside_a_database_is_detected_by_the_check(tmp_path):
    service, path = registry.SERVICES[0], str(tmp_path / "app.db")
    upgrade(path, service.MIGRATIONS, service.HEAD)
    SqliteFile(path).require_intact()
    damage(path, "outbox")
    assert SqliteFile(path).revision() == service.HEAD
    with pytest.raises(UnusableDatabase, match=f"^{re.escape(path)} is corrupt"):
        SqliteFile(path).require_intact()


def damage(path, table):
    """Overwrite the first page of a table."""
    connection = sqlite3.connect(path)
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", [table]).fetchone()
    connection.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def dump(path):
    """Return the content of a whole database."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def ddl(statement):
    """Return a statement with single spaces, without differences between Alembic and SQLAlchemy."""
    return re.sub(r"\s+", " ", str(statement)).replace("( ", "(").replace(" )", ")").strip(" ;")


@services
def test_migrations_create_the_same_tables_and_indexes_on_postgresql(service):
    dialect = postgresql.dialect()
    buffer = io.StringIO()
    context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True, "output_buffer": buffer})
    with Operations.context(context):
        for revision in revisions(service):
            (name,) = [file for file in os.listdir(service.MIGRATIONS) if file.startswith(f"r{revision}_")]
            path = os.path.join(service.MIGRATIONS, name)
            spec = importlib.util.spec_from_file_location(f"{service.NAME}_{revision}", path)
            migration = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(migration)
            migration.upgrade()
    migrated = {ddl(text) for text in buffer.getvalue().split(";\n\n")}
    metadata = importlib.import_module(METADATA[service.NAME]).metadata
    expected = set()
    for table in (*metadata.sorted_tables, unnumbered_outbox(MetaData())):
        expected.add(ddl(CreateTable(table).compile(dialect=dialect)))
        expected |= {ddl(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes}
    # Partitions are like the table that they were made of.
    created = {
        text
        for text in migrated
        if re.match(r"CREATE (TABLE|UNIQUE INDEX|INDEX)", text) and " (LIKE " not in text
    }
    assert created == expected
    assert all('COLLATE "C"' in text for text in created if " TEXT" in text)
    rejection = {"audit": 3, "deployment": 1}.get(service.NAME, 0)
    triggers = [text for text in migrated if text.startswith("CREATE TRIGGER")]
    assert len([text for text in triggers if "BEFORE UPDATE OR DELETE OR TRUNCATE" in text]) == rejection
