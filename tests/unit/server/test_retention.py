"""Retention: rows that expire are deleted by a job, and the others stay for a reason."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select
from sqlalchemy.sql import sqltypes

from envmgr.server.bootstrap import registry
from envmgr.server.gateway import module as gateway_module
from envmgr.server.gateway.service.facade import Gateway
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.runtime.service_module import cleanup_job
from support.services.service_fixtures import opened

pytestmark = pytest.mark.timeout(60)
METADATA = {
    "app": "envmgr.server.app.store",
    "version": "envmgr.server.version.store.tables",
    "deployment": "envmgr.server.deployment.store.tables",
    "audit": "envmgr.server.audit.store",
    "gateway": "envmgr.server.gateway.store.tables",
    "worker": "envmgr.server.worker.store",
}
EXPIRING = {"idempotency", "inbox", "job", "outbox"}
"""Tables of every service whose old rows its housekeeping deletes."""
EXPIRING_IN_GATEWAY = {"exchanged_token", "failed_login", "refresh", "session"}
BOUNDED = {
    "outbox_head": "one row",
    "outbox_consumer": "a row for each consumer",
    "consumer_offset": "a row for each consumer and source",
    "event_count": "a row for each type",
    "log": "one row",
    "source": "a row for each service",
    "placement": "a row for each app and environment",
    "placement_tool": "the tools of placements",
    "request_count": "earlier minutes are deleted with each write",
    "deletion_hold": "expired ones are deleted with the next one",
}
PERMANENT = {
    "dead_letter": "until an operator retries it",
    "entry": "the audit log",
    "checkpoint": "the audit log",
    "status_entry": "the history of statuses",
    "app_projection": "IDs of deleted apps are refused for ever",
    "deleted_version": "IDs of deleted versions are refused for ever",
    "app": "a resource",
    "version": "a resource",
    "toolchain": "deleted with its last version",
    "toolchain_tool": "deleted with its last version",
    "environment": "a resource",
    "deployment": "a resource",
    "user": "a resource",
    "api_key": "a resource",
    "binding": "a resource",
}
services = pytest.mark.parametrize("service", registry.SERVICES, ids=lambda service: service.NAME)


def tables(service):
    return importlib.import_module(METADATA[service.NAME]).metadata.tables


@services
def test_every_table_has_a_retention(service):
    expected = {*EXPIRING, *EXPIRING_IN_GATEWAY, *BOUNDED, *PERMANENT}
    assert sorted(tables(service).keys() - expected) == []


def old_row(table):
    """Return a row of 1970 that no process needs any more."""
    values = {}
    for column in table.c:
        if column.name == "state":
            values[column.name] = "done"
        elif column.name == "sequence":
            values[column.name] = 0
        elif not column.nullable or column.name.endswith("_at"):
            values[column.name] = 1 if isinstance(column.type, sqltypes.Integer) else "x"
    return values


@asynccontextmanager
async def with_old_rows(directory, service, names):
    async with opened(directory, service) as database:
        for name in names:
            table = tables(service)[name]
            await database.write(
                lambda transaction, table=table: transaction.execute(
                    Statement(insert(table).values(old_row(table)))
                )
            )
        yield database


async def remaining(database, service, names):
    """Return the tables that have rows."""
    occupied = set()
    for name in names:
        query = Statement(select(tables(service)[name]).limit(1))
        if await database.read(lambda reader, query=query: reader.one(query)):
            occupied.add(name)
    return occupied


@services
def test_housekeeping_deletes_what_has_expired(service, tmp_path):
    async def scenario():
        async with with_old_rows(tmp_path, service, sorted(EXPIRING)) as database:
            assert await remaining(database, service, EXPIRING) == EXPIRING
            await cleanup_job(service.NAME, database).run()
            assert await remaining(database, service, EXPIRING) == set()

    asyncio.run(scenario())


def test_the_gateway_deletes_what_has_ended(tmp_path):
    names = ["session", "refresh", "exchanged_token", "failed_login"]

    async def scenario():
        async with with_old_rows(tmp_path, gateway_module, names) as database:
            assert await remaining(database, gateway_module, names) == EXPIRING_IN_GATEWAY
            await Gateway.cleanup(SimpleNamespace(database=database))
            assert await remaining(database, gateway_module, names) == set()

    asyncio.run(scenario())
