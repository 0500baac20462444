"""One separate service for administrative commands."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.audit.service.checkpoint_jobs import PUBLISH_KIND
from envmgr.server.bootstrap import offline_service
from envmgr.server.bootstrap.backend import service_backend
from envmgr.server.kit.config.checkpoint_settings import CheckpointSettings
from envmgr.server.kit.config.settings import Settings
from support.services.event_recorders import RecordingLog

URL = "postgresql://alm@127.0.0.1:1/own"


@pytest.mark.parametrize("kind", ["", "file"])
def test_the_audit_publishes_the_checkpoints_that_commands_sign(tmp_path, kind):
    checkpoints = CheckpointSettings(kind=kind, path=str(tmp_path / "published"))
    settings = Settings(str(tmp_path), database_url=URL, checkpoints=checkpoints)

    async def job_kinds():
        async with offline_service.open_offline("audit", settings, RecordingLog()) as service:
            return set(service.parts.module.job_handlers)

    assert asyncio.run(job_kinds()) == ({PUBLISH_KIND} if kind else set())


def test_a_separate_service_has_the_database_of_its_url():
    backend = service_backend(Settings("/data", database_url=URL), "app")
    assert backend.target("app").name == backend.location == "own on 127.0.0.1:1"
