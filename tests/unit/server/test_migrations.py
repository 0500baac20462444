"""Every service's migrations, against the tables that its code names."""

from __future__ import annotations

import importlib
import re
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from sqlalchemy import create_engine

from envmgr.server import bootstrap
from envmgr.server.kit.migration import NewerDatabase, upgrade

METADATA = {
    "app": "envmgr.server.app.store",
    "version": "envmgr.server.version.tables",
    "deployment": "envmgr.server.deployment.tables",
    "audit": "envmgr.server.audit.store",
    "gateway": "envmgr.server.gateway.store.tables",
    "worker": "envmgr.server.worker.store",
}
services = pytest.mark.parametrize("service", bootstrap.SERVICES, ids=lambda service: service.NAME)


def shape(path):
    """Describe the tables and indexes of a database, and how each column is."""
    connection = sqlite3.connect(path)
    try:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        found = {}
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
            found[name] = {
                "columns": {row[1]: (row[2], bool(row[3]) and not row[5], row[5]) for row in columns},
                "indexes": indexes,
                "without rowid": bool(re.search(r"WITHOUT\s+ROWID", sql, re.IGNORECASE)),
                "autoincrement": "AUTOINCREMENT" in sql.upper(),
            }
        return found
    finally:
        connection.close()


@services
def test_migrations_make_the_tables_that_the_code_names(service, tmp_path):
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


def test_processes_that_upgrade_at_once_upgrade_once(tmp_path):
    service = bootstrap.SERVICES[0]
    path = str(tmp_path / "one.db")
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for done in [pool.submit(upgrade, path, service.MIGRATIONS, service.HEAD) for _ in range(2)]:
            done.result(timeout=60)
    upgrade(str(tmp_path / "alone.db"), service.MIGRATIONS, service.HEAD)
    assert dump(path) == dump(str(tmp_path / "alone.db"))


def test_a_database_of_a_newer_server_is_left_alone(tmp_path):
    service = bootstrap.SERVICES[0]
    path = str(tmp_path / "one.db")
    upgrade(path, service.MIGRATIONS, service.HEAD)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = dump(path)
    with pytest.raises(NewerDatabase, match=re.escape(path)):
        upgrade(path, service.MIGRATIONS, service.HEAD)
    assert dump(path) == before


def dump(path):
    """Write out a whole database."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()
