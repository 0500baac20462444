"""Health checks of a service's database."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.app import module
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.runtime.health_checks import migration_check
from support.services.service_fixtures import opened


@pytest.mark.parametrize("arguments", ["", " --service app"])
def test_another_revision_is_reported_with_the_command_that_migrates(tmp_path, arguments):
    async def main():
        async with opened(tmp_path, module) as database:
            current = migration_check({"app": database}, {"app": module.HEAD}, arguments)
            assert await current.run() == "all databases at the expected revision"
            newer = migration_check({"app": database}, {"app": "later"}, arguments)
            with pytest.raises(ServiceUnavailable, match=f"run `envmgr-alm migrate{arguments}`, and"):
                await newer.run()

    asyncio.run(main())
