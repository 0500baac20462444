"""Placements computed again: as requests kept them, and corrected where damaged."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import bindparam, delete, insert, null, update

from envmgr.server.contracts.projections import MATRIX_KIND, USAGE_KIND
from envmgr.server.deployment.service import rebuild
from envmgr.server.deployment.store import placement_rebuild
from envmgr.server.deployment.store.tables import placement
from envmgr.server.kit.common.problems import Problem
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.jobs.batch_job import batch_handler
from support.services.deployment_fixtures import KnownVersions, run, version

pytestmark = pytest.mark.timeout(120)
DAMAGES = {
    "another current version": update(placement).values(current_version_id=999, current_tag="9"),
    "no current version": update(placement).values(
        current_id=null(),
        current_version_id=null(),
        current_tag=null(),
        current_actor=null(),
        current_since=null(),
    ),
    "another status": update(placement).values(last_status="pending", last_updated_at=1),
    "a missing row": delete(placement),
}
ADD_UNFOUNDED = Statement(
    insert(placement).values(
        app_id=bindparam("ghost_app"),
        environment="nowhere",
        app="ghost",
        last_id=1,
        last_version_id=1,
        last_tag="1",
        last_status="successful",
        last_actor="user:eve",
        last_updated_at=1,
    )
)


def everything(reader):
    return placement_rebuild.read_stored(reader, 0, 2**40)


async def rebuilt(world, kind=MATRIX_KIND, step=rebuild.rebuild_matrix):
    """Run the job of a projection; return it when it is done."""
    await world.database.write(lambda transaction: job_queue.enqueue(transaction, kind, {}, key="test"))
    (job,) = await world.database.write(lambda transaction: job_queue.claim(transaction, 1, 60_000))
    await batch_handler(world.database, step)(job)
    return await world.database.read(lambda reader: job_queue.find_job(reader, job.id))


async def deploy_some(world):
    await world.deploy_successfully(1, "prod")
    await world.deploy_successfully(2, "prod")
    await world.deploy(3, "prod")
    await world.step(await world.deploy(1000, "dev"), "in_progress", "failed")


@pytest.mark.parametrize("seed", range(4))
def test_the_placements_of_any_history_are_computed_as_requests_kept_them(tmp_path, seed):
    chance = random.Random(seed)

    async def scenario(world):
        deployments = []
        for _ in range(60):
            try:
                if chance.random() < 0.4 or not deployments:
                    number = chance.choice([1, 2, 3, 1000, 1001])
                    deployments.append(await world.deploy(number, chance.choice(["prod", "dev"])))
                else:
                    status = chance.choice(
                        ["in_progress", "successful", "failed", "cancelled", "rolled_back"]
                    )
                    await world.step(chance.choice(deployments), status)
            except Problem:
                continue
        await world.deliver(world.app_event("AppUpdated", 1, "store"))
        if seed % 2:
            await world.deliver(world.app_event("AppDeleted", 2, "blog"))
        before = await world.database.read(everything)
        computed = await world.database.read(lambda reader: placement_rebuild.compute(reader, 0, 2**40))
        assert computed == before != {}
        assert (await rebuilt(world)).payload["changes"] == 0

    run(tmp_path, scenario)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_placement_is_corrected(tmp_path, damage):
    async def scenario(world):
        await deploy_some(world)
        before = await world.database.read(everything)
        broken = DAMAGES[damage].where(placement.c.environment == "prod")
        await world.database.write(lambda transaction: transaction.execute(Statement(broken)))
        assert await world.database.read(everything) != before
        job = await rebuilt(world)
        assert (job.state, job.payload["changes"]) == ("done", 1)
        assert await world.database.read(everything) == before

    run(tmp_path, scenario)


def test_placements_without_a_deployment_are_removed(tmp_path):
    async def scenario(world):
        await deploy_some(world)
        before = await world.database.read(everything)
        for app in (1, 77):
            await world.database.write(
                lambda transaction, app=app: transaction.execute(ADD_UNFOUNDED, ghost_app=app)
            )
        assert (await rebuilt(world)).payload["changes"] == 2
        assert await world.database.read(everything) == before

    run(tmp_path, scenario)


def test_a_job_that_was_killed_goes_on_after_its_last_step(tmp_path, monkeypatch):
    monkeypatch.setattr(rebuild, "APPS_PER_STEP", 2)
    apps = 7
    resumed_at = []

    def fail(transaction, after):
        if after == 4:
            raise LookupError("the process ends here")
        return rebuild.rebuild_matrix(transaction, after)

    def go_on(transaction, after):
        resumed_at.append(after)
        return rebuild.rebuild_matrix(transaction, after)

    async def scenario(world):
        for number in range(1, apps + 1):
            await world.deploy_successfully(number)
        await world.database.write(lambda transaction: transaction.execute(Statement(delete(placement))))
        await world.database.write(
            lambda transaction: job_queue.enqueue(transaction, MATRIX_KIND, {}, key="test")
        )
        (first,) = await world.database.write(lambda transaction: job_queue.claim(transaction, 1, -1))
        with pytest.raises(LookupError, match="ends here"):
            await batch_handler(world.database, fail)(first)
        assert len(await world.database.read(everything)) == 4
        (second,) = await world.database.write(lambda transaction: job_queue.claim(transaction, 1, 60_000))
        assert second.id == first.id
        await batch_handler(world.database, go_on)(second)
        job = await world.database.read(lambda reader: job_queue.find_job(reader, first.id))
        assert (job.state, job.payload["changes"]) == ("done", apps)
        assert len(await world.database.read(everything)) == apps

    versions = KnownVersions(*(version(n, n, f"app-{n}") for n in range(1, apps + 1)))
    run(tmp_path, scenario, versions)
    assert (min(resumed_at), max(resumed_at)) == (4, apps)


def test_republished_placements_cover_all_apps_once(tmp_path, monkeypatch):
    monkeypatch.setattr(rebuild, "APPS_PER_STEP", 2)

    async def scenario(world):
        for number in range(1, 5):
            await world.deploy_successfully(number)
        await world.deploy(5)
        newest = (await world.emitted_events())[-1].sequence
        await rebuilt(world, USAGE_KIND, rebuild.republish_placements)
        events = await world.emitted_events("PlacementsRepublished")
        ranges = [(event.data["after_app_id"], event.data["last_app_id"]) for event in events]
        assert ranges == [(0, 2), (2, 4), (4, None)]
        items = [item for event in events for item in event.data["placements"]]
        assert [(item["app_id"], item["version_id"]) for item in items] == [(n, n) for n in range(1, 5)]
        assert events[0].data["as_of"] == newest

    versions = KnownVersions(*(version(n, n, f"app-{n}") for n in range(1, 6)))
    run(tmp_path, scenario, versions)
