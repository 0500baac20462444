"""Imports of a start: no library and no package that its configuration does not use."""

from __future__ import annotations

import re

import pytest

from support.server import server_commands
from support.server.server_process import Daemon
from support.services.database_runners import DATABASE

pytestmark = pytest.mark.skipif(DATABASE != "sqlite", reason="is about a server on SQLite")

UNUSED = {
    "aiokafka",
    "alembic",
    "asyncpg",
    "grpc",
    "httpx",
    "jmespath",
    "jsonschema",
    "nats",
    "opentelemetry.trace",
    "pip",
    "platformdirs",
    "pygments",
    "rich.console",
    "sqlalchemy.orm",
    "typer",
    "envmgr.alm",
    "envmgr.catalog",
    "envmgr.cli",
    "envmgr.server.bootstrap.postgres_backend",
    "envmgr.server.contracts.proto",
    "envmgr.server.kit.db.postgresql",
    "envmgr.server.kit.grpc",
    "envmgr.server.kit.messaging.kafka_bus",
    "envmgr.server.kit.messaging.nats_bus",
    "envmgr.server.kit.telemetry.tracing",
}


def test_a_server_on_migrated_files_imports_only_what_it_uses(tmp_path):
    daemon = Daemon(tmp_path, environment={"PYTHONPROFILEIMPORTTIME": "1"})
    migration = server_commands.run("migrate", "--data-dir", str(daemon.data))
    assert migration.returncode == 0, migration.stderr
    try:
        daemon.start()
        modules = set(re.findall(r"^import time:.*\| +(\S+)$", daemon.output, re.MULTILINE))
    finally:
        daemon.end()
    assert "envmgr.server.bootstrap.embedded" in modules
    assert {name for name in UNUSED for module in modules if f"{module}.".startswith(f"{name}.")} == set()
