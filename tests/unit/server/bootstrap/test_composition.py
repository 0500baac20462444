"""Composition of an embedded server."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.kit.environment import Environment
from envmgr.server.bootstrap import databases
from envmgr.server.bootstrap.backend import SqliteBackend
from envmgr.server.bootstrap.composition import open_offline
from envmgr.server.bootstrap.registry import SERVICE_NAMES
from envmgr.server.kit.common.context import Principal
from envmgr.server.kit.common.problems import TooManyRequests
from envmgr.server.kit.config import settings
from support.services.event_recorders import RecordingLog

PRINCIPAL = Principal(actor="user:ada", role="user", scopes=frozenset(), credential="session:1")


def admit_requests(services):
    """Admit more requests than the limit of two allows, even if the minute ends meanwhile."""
    for _ in range(6):
        services.admit(PRINCIPAL)


def test_requests_are_limited_without_an_exchange_as_one_process_has_the_databases(tmp_path):
    variables = {"ALM_DATA_DIR": str(tmp_path / "data"), "ALM_REQUESTS_PER_MINUTE": "2"}

    async def main():
        read = settings.read(Environment(variables, str(tmp_path)), {}, SERVICE_NAMES)
        with databases.data_directory(read.data_dir) as data:
            backend = SqliteBackend(data)
            databases.prepare(backend)
            async with open_offline(read, data, backend, RecordingLog()) as services:
                tasks = [task.name for module in services.modules for task in module.tasks]
                with pytest.raises(TooManyRequests):
                    admit_requests(services)
                return tasks

    assert asyncio.run(main()) == ["gateway-usage"]
