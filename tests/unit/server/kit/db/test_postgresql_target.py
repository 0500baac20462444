"""Migrations on PostgreSQL: locks, new databases, and privileges of the server's role."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from envmgr.server.app import module as app_module
from envmgr.server.audit import module as audit_module
from envmgr.server.bootstrap.registry import SERVICES
from envmgr.server.deployment import module as deployment_module
from envmgr.server.kit.db import migrations
from envmgr.server.kit.db.migrations import NewerDatabase, UnusableDatabase
from envmgr.server.kit.db.postgresql import target as target_module
from envmgr.server.kit.db.postgresql.target import PostgresTarget
from support.services.database_runners import postgres_databases, postgres_url
from support.services.postgres_server import NEEDS_POSTGRESQL

pytestmark = [
    pytest.mark.timeout(120),
    NEEDS_POSTGRESQL,
]
APPEND_ONLY = [
    (audit_module, "entry", "seq"),
    (audit_module, "checkpoint", "seq"),
    (audit_module, "log", "id"),
    (deployment_module, "status_entry", "id"),
]


def upgrade(url, service=audit_module):
    migrations.upgrade(PostgresTarget(url), service.MIGRATIONS, service.HEAD)


def new_url(user="alm"):
    """Return the URL of a database that does not exist."""
    return postgres_databases().server.url(f"new_{secrets.token_hex(4)}", user)


def execute(url, *statements):
    async def run():
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetch(statement) for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture
def role():
    """Yield the name of a role that may only connect."""
    name = f"role_{secrets.token_hex(4)}"
    execute(postgres_databases().server.url(), f"CREATE ROLE {name} LOGIN")
    return name


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.NAME)
def test_an_upgrade_creates_the_database_and_a_second_changes_nothing(service):
    target = PostgresTarget(new_url())
    assert target.revision() is None
    for _ in range(2):
        migrations.upgrade(target, service.MIGRATIONS, service.HEAD)
        assert target.revision() == service.HEAD
    assert not target.has_events()


def test_the_database_of_another_service_is_refused():
    url = new_url()
    upgrade(url, app_module)
    assert PostgresTarget(url, app_module.OWN_TABLE).revision() == app_module.HEAD
    with pytest.raises(UnusableDatabase, match="is another service's: it has no table entry"):
        PostgresTarget(url, audit_module.OWN_TABLE).revision()


def test_processes_that_upgrade_at_once_upgrade_once():
    url = new_url()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(PostgresTarget(url).run_exclusively, create_table) for _ in range(4)]:
            done.result(timeout=60)
    assert execute(url, "SELECT count(*) FROM one")[0][0][0] == 4


def create_table(connection):
    """Create a table unless it exists, as a migration does, in two separate steps."""
    (exists,) = connection.exec_driver_sql("SELECT to_regclass('one') IS NOT NULL").one()
    connection.exec_driver_sql("SELECT pg_sleep(0.2)")
    if not exists:
        connection.exec_driver_sql("CREATE TABLE one (id int)")
    connection.exec_driver_sql("INSERT INTO one VALUES (1)")


def test_an_upgrade_does_not_wait_for_ever_for_another(monkeypatch):
    monkeypatch.setattr(target_module, "LOCK_TIMEOUT_SECONDS", 0.3)
    url, begun, release = new_url(), threading.Event(), threading.Event()

    def hold(_connection):
        begun.set()
        release.wait(60)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(PostgresTarget(url).run_exclusively, hold)
        assert begun.wait(60)
        try:
            with pytest.raises(UnusableDatabase, match="is being migrated by another process"):
                PostgresTarget(url).run_exclusively(create_table)
        finally:
            release.set()
        holding.result(timeout=60)


def test_a_migration_that_fails_leaves_nothing():
    url = new_url()

    def fail(connection):
        connection.exec_driver_sql("CREATE TABLE one (id int)")
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        PostgresTarget(url).run_exclusively(fail)
    assert PostgresTarget(url).revision() is None


def test_a_database_of_a_newer_server_and_one_of_others_are_refused():
    url = new_url()
    upgrade(url)
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerDatabase, match=r"was created by a newer envmgr"):
        upgrade(url)
    other = new_url()
    PostgresTarget(other).run_exclusively(create_table)
    with pytest.raises(UnusableDatabase, match="contains foreign tables"):
        upgrade(other)


def test_errors_name_the_server_and_database_and_no_password(role):
    for url in ("postgresql://alm:s3cret@127.0.0.1:1/alm", new_url(role).replace("@", ":s3cret@")):
        with pytest.raises(
            UnusableDatabase, match=r"cannot use database \w+ on 127\.0\.0\.1:\d+: "
        ) as caught:
            upgrade(url)
        assert "s3cret" not in str(caught.value) + str(caught.value.hint)


@pytest.mark.parametrize(
    ("service", "table", "column"), APPEND_ONLY, ids=[table for _, table, _ in APPEND_ONLY]
)
def test_append_only_tables_are_changed_neither_by_the_servers_role_nor_by_the_owner(
    role, tmp_path, service, table, column
):
    url = postgres_url(tmp_path, service)
    target = PostgresTarget(url)
    target.grant(role)
    changes = (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}")
    for change in changes:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            execute(re.sub(r"//\w+@", f"//{role}@", url), f"SELECT * FROM {table}", change)
        # A superuser, who needs no privileges.
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            execute(url, change)
    (owner,) = execute(url, f"SELECT tableowner FROM pg_tables WHERE tablename = '{table}'")[0][0]
    granted = (
        "SELECT privilege_type FROM information_schema.table_privileges"
        f" WHERE table_name = '{table}' AND grantee = '{{}}'"
    )
    for grantee in (owner, role):
        (rows,) = execute(url, granted.format(grantee))
        assert not {privilege for (privilege,) in rows} & {"UPDATE", "DELETE", "TRUNCATE"}


def test_the_servers_role_cannot_change_the_schema_or_its_revision(role, tmp_path):
    url = postgres_url(tmp_path, audit_module)
    PostgresTarget(url).grant(role)
    for statement in (
        "UPDATE alembic_version SET version_num = '9'",
        "DROP TABLE entry",
        "ALTER TABLE entry DISABLE TRIGGER ALL",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            execute(re.sub(r"//\w+@", f"//{role}@", url), "SELECT * FROM alembic_version", statement)


def test_privileges_for_an_unknown_role_are_refused(tmp_path):
    with pytest.raises(UnusableDatabase, match='role "nobody_here" does not exist'):
        PostgresTarget(postgres_url(tmp_path, audit_module)).grant("nobody_here")
