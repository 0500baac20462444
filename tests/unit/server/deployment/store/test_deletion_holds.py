"""Deletion holds block deployments of an app or a version while it is being deleted."""

from __future__ import annotations

import sqlite3

import pytest

from envmgr.server.contracts.problems import BeingDeleted
from envmgr.server.contracts.requests import EnvironmentPut
from envmgr.server.contracts.resources import AutoDeploy, Rules
from envmgr.server.kit.common.problems import NotFound
from support.services.database_runners import reads_sqlite_file
from support.services.deployment_fixtures import KnownVersions, run, version
from support.services.service_fixtures import call
from support.services.version_fixtures import FewApps

THINGS = [{"app_id": 1}, {"version_id": 7}]
things = pytest.mark.parametrize("thing", THINGS, ids=["app", "version"])


@things
def test_a_deletion_hold_blocks_deployments_of_its_resource_only(tmp_path, thing):
    async def scenario(world):
        leave = await world.service.begin_deletion(call(), **thing)
        assert leave.active_placements == 0
        with pytest.raises(BeingDeleted, match=r"shop@7\.0\.0 or its app is being deleted"):
            await world.deploy(7)
        await world.deploy(1000)
        if "version_id" in thing:
            await world.deploy(8)
        assert await world.placement("prod", "shop") is None or "version_id" in thing

    run(tmp_path, scenario)


@things
def test_a_cancelled_deletion_hold_allows_deployments(tmp_path, thing):
    async def scenario(world):
        await world.service.cancel_deletion(call(), await world.service.begin_deletion(call(), **thing))
        assert (await world.deploy(7)).status == "pending"

    run(tmp_path, scenario)


@things
def test_current_or_active_versions_are_deleted_only_with_force(tmp_path, thing):
    async def scenario(world):
        deployment = await world.deploy(7)
        rejection = await world.service.begin_deletion(call(), **thing)
        assert (rejection.active_placements, rejection.hold_id) == (1, None)
        await world.step(deployment, "in_progress", "successful")
        assert (await world.service.begin_deletion(call(), **thing)).hold_id is None
        await world.deploy(7, "dev")
        forced = await world.service.begin_deletion(call(), **thing, force=True)
        assert forced.active_placements == 2
        with pytest.raises(BeingDeleted):
            await world.deploy(7, "staging")
        await world.service.cancel_deletion(call(), rejection)
        with pytest.raises(BeingDeleted):
            await world.deploy(7, "staging")

    run(tmp_path, scenario)


@things
def test_a_failed_concurrent_deletion_keeps_the_hold_of_the_other(tmp_path, thing):
    async def scenario(world):
        first, second = [await world.service.begin_deletion(call(), **thing) for _ in range(2)]
        await world.service.cancel_deletion(call(), second)
        with pytest.raises(BeingDeleted):
            await world.deploy(7)
        await world.service.cancel_deletion(call(), first)
        await world.deploy(7)

    run(tmp_path, scenario)


@reads_sqlite_file
@things
def test_a_deletion_hold_of_a_killed_process_expires(tmp_path, thing):
    async def scenario(world):
        await world.service.begin_deletion(call(), **thing)
        pass_by(world, 29_000)
        with pytest.raises(BeingDeleted):
            await world.deploy(7)
        pass_by(world, 2_000)
        await world.deploy(7)
        await world.service.begin_deletion(call(), version_id=99)
        assert notes(world) == [(None, 99)]

    run(tmp_path, scenario)


def test_a_version_of_a_deleted_app_is_not_deployed_before_the_event_arrives(tmp_path):
    async def scenario(world):
        for caller in (call(), call(apps={"attic"})):
            with pytest.raises(NotFound):
                await world.deploy(7, by=caller)

    run(tmp_path, scenario, KnownVersions(version(7, 5, "attic")), FewApps("shop"))


@reads_sqlite_file
@pytest.mark.parametrize("kind", ["app", "version"])
def test_the_deletion_event_removes_the_hold(tmp_path, kind):
    async def scenario(world):
        thing = {"app": {"app_id": 1}, "version": {"version_id": 7}}[kind]
        await world.service.begin_deletion(call(), **thing)
        await world.deliver(
            world.app_event("AppDeleted") if kind == "app" else world.version_event("VersionDeleted", 7)
        )
        assert notes(world) == []
        with pytest.raises(NotFound):
            await world.deploy(7)

    run(tmp_path, scenario)


@things
def test_a_rule_reports_a_version_with_a_deletion_hold(tmp_path, thing):
    async def scenario(world):
        rules = Rules(auto_deploy=(AutoDeploy(app="shop", tag_range="*"),))
        await world.service.replace_environment(call(), "dev", EnvironmentPut(rules=rules))
        await world.service.begin_deletion(call(), **thing)
        await world.deliver(world.version_event("VersionCreated", 7))
        assert await world.placement("dev") is None
        (skipped,) = await world.emitted_events("AutoDeploySkipped")
        assert skipped.data["reason"] == "shop@7.0.0 or its app is being deleted"

    run(tmp_path, scenario)


def test_a_rollback_skips_a_version_with_a_deletion_hold(tmp_path):
    async def scenario(world):
        await world.deploy_successfully(1)
        await world.deploy_successfully(2)
        third = await world.deploy_successfully(3)
        leave = await world.service.begin_deletion(call(), version_id=2)
        assert leave.hold_id is not None
        await world.step(third, "rolled_back")
        assert await world.current() == 1

    run(tmp_path, scenario)


def pass_by(world, ms):
    """Advance the time of the deletion holds."""
    connection = sqlite3.connect(world.database.path)
    with connection:
        connection.execute("UPDATE deletion_hold SET until = until - ?", [ms])
    connection.close()


def notes(world):
    connection = sqlite3.connect(world.database.path)
    result = connection.execute("SELECT app_id, version_id FROM deletion_hold").fetchall()
    connection.close()
    return result
