"""Auto-deployment by background jobs: once in effect, and in the order of an app's versions."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from envmgr.server.contracts.requests import EnvironmentPut
from envmgr.server.contracts.resources import AutoDeploy, Rules
from envmgr.server.deployment import module as deployment_module
from envmgr.server.deployment.service import auto_deploy
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.jobs.job_runner import JobRunner
from envmgr.server.kit.telemetry.metrics import Metrics
from support.services.database_runners import RUNNERS
from support.services.deployment_fixtures import ANY_VERSION, World, apps_of, run
from support.services.event_recorders import RecordingLog
from support.services.service_fixtures import call

pytestmark = pytest.mark.timeout(60)
FAR_FUTURE_MS = 2**50


async def set_rule(world, app="*", tag_range="*", environment="staging"):
    """Replace the rules of an environment by one."""
    rules = Rules(auto_deploy=(AutoDeploy(app=app, tag_range=tag_range),))
    await world.service.replace_environment(call(), environment, EnvironmentPut(rules=rules))


async def remove_rules(world, environment="staging"):
    await world.service.replace_environment(call(), environment, EnvironmentPut())


def created(world, *numbers, **changes):
    """Return the events of new versions."""
    return [world.version_event("VersionCreated", number, **changes) for number in numbers]


async def deployments(world):
    """Return version and status of each deployment, the oldest first."""
    page = await world.service.list(call(), PageRequest(sort="id", limit=200))
    return [(item.version_id, item.status) for item in page.items]


async def job_states(world):
    return [(job.key, job.state) for job in await world.jobs()]


async def skip_reasons(world):
    return [event.data["reason"] for event in await world.emitted_events("AutoDeploySkipped")]


async def fail_first(world):
    """Record a failed run of the oldest job, as the runner does; return the job."""
    job = await world.claim()
    await world.database.write(
        lambda transaction: job_queue.retry_later(transaction, job, "OSError: no", FAR_FUTURE_MS)
    )
    return job


async def retry(world, job):
    await world.database.write(lambda transaction: job_queue.retry(transaction, job.id))


def test_an_event_only_enqueues_the_job_of_a_version(tmp_path):
    async def scenario(world):
        await set_rule(world, "shop", "^7")
        event = world.version_event("VersionCreated", 7, tag="v7.1.0")
        await world.publish(event, event)
        await world.publish(event)
        assert await deployments(world) == []
        (job,) = await world.jobs()
        assert (job.kind, job.key, job.state) == (auto_deploy.KIND, "app/1/version/7", "ready")
        assert job.payload == {
            "version_id": 7,
            "app_id": 1,
            "app": "shop",
            "tag": "v7.1.0",
            "traceparent": event.traceparent,
        }
        await world.run_jobs()
        assert await deployments(world) == [(7, "pending")]
        assert await job_states(world) == [("app/1/version/7", "done")]
        (deployed,) = await world.emitted_events("DeploymentCreated")
        assert (deployed.actor, deployed.traceparent) == ("system:auto-deploy", event.traceparent)
        await world.publish(event)
        assert len(await world.jobs()) == 1

    run(tmp_path, scenario)


def test_a_version_that_no_rule_is_about_has_no_job(tmp_path):
    async def scenario(world):
        await world.publish(*created(world, 1))
        await set_rule(world, "shop", "^2")
        await world.publish(*created(world, 1000, app_id=2, app="blog"), *created(world, 3))
        await world.publish(
            world.version_event("VersionDeleted", 2), world.version_event("VersionCreated", 2)
        )
        assert await world.jobs() == []

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("the rule is removed", []),
        ("a rule is added", ["prod", "staging"]),
        ("the version is deleted", []),
        ("the app is deleted", []),
        ("the app is renamed", ["staging"]),
    ],
)
def test_a_job_applies_the_rules_and_the_state_of_its_run(tmp_path, change, expected):
    async def scenario(world):
        await set_rule(world, "shop")
        await world.publish(world.app_event("AppCreated"), *created(world, 1))
        if change == "the rule is removed":
            await remove_rules(world)
        elif change == "a rule is added":
            await set_rule(world, environment="prod")
        elif change == "the version is deleted":
            await world.publish(world.version_event("VersionDeleted", 1))
        elif change == "the app is deleted":
            await world.publish(world.app_event("AppDeleted"))
        else:
            await world.publish(world.app_event("AppUpdated", 1, "store"))
        await world.run_jobs()
        page = await world.service.list(call(), PageRequest(sort="id", limit=200))
        assert sorted(item.environment for item in page.items) == expected
        assert {item.app for item in page.items} <= {"store" if "renamed" in change else "shop"}
        assert await job_states(world) == [("app/1/version/1", "done")]
        assert await skip_reasons(world) == []

    run(tmp_path, scenario)


def test_a_version_that_is_being_deleted_is_skipped(tmp_path):
    async def scenario(world):
        await set_rule(world)
        await world.publish(*created(world, 1))
        await world.service.begin_deletion(call(), version_id=1)
        await world.run_jobs()
        assert await deployments(world) == []
        (reason,) = await skip_reasons(world)
        assert "is being deleted" in reason

    run(tmp_path, scenario)


def test_the_versions_of_an_app_are_deployed_in_order_whichever_job_runs_first(tmp_path):
    """As two processes run them that have claimed both jobs."""

    async def scenario(world):
        await set_rule(world)
        await world.publish(*created(world, 1), *created(world, 1000, app_id=2, app="blog"))
        await world.publish(*created(world, 2, 3))
        first, other_app, second, third = [await world.claim() for _ in range(4)]
        await world.run_job(second)
        assert await deployments(world) == [(1, "cancelled"), (2, "pending")]
        assert [state for _, state in await job_states(world)] == ["done", "running", "done", "running"]
        for late in (first, third, other_app):
            await world.run_job(late)
        assert await deployments(world) == [
            (1, "cancelled"),
            (2, "cancelled"),
            (3, "pending"),
            (1000, "pending"),
        ]
        assert await skip_reasons(world) == []

    run(tmp_path, scenario)


def test_a_failed_job_holds_up_no_later_version_and_does_not_replace_it(tmp_path):
    async def scenario(world):
        await set_rule(world)
        await world.publish(*created(world, 1))
        failed = await fail_first(world)
        await world.deliver(*created(world, 2))
        assert await deployments(world) == [(2, "pending")]
        await retry(world, failed)
        await world.run_jobs()
        assert await deployments(world) == [(2, "pending")]
        assert await skip_reasons(world) == ["1.0.0 is older than 2.0.0, which is being deployed"]
        assert [state for _, state in await job_states(world)] == ["done", "done"]

    run(tmp_path, scenario)


def test_a_failed_job_of_a_tag_that_is_no_version_does_not_go_back(tmp_path):
    async def scenario(world):
        await set_rule(world)
        await world.publish(*created(world, 1, tag="zeta"))
        failed = await fail_first(world)
        await world.deliver(*created(world, 2, tag="alpha"))
        page = await world.service.list(call(), PageRequest(sort="id"))
        await world.step(page.items[0], "cancelled")
        await retry(world, failed)
        await world.run_jobs()
        assert await deployments(world) == [(2, "cancelled")]
        assert await skip_reasons(world) == ["newer version alpha already attempted here"]

    run(tmp_path, scenario)


def test_a_cancelled_job_deploys_nothing(tmp_path):
    async def scenario(world):
        await set_rule(world)
        await world.publish(*created(world, 1))
        (job,) = await world.jobs()
        await world.database.write(lambda transaction: job_queue.cancel(transaction, job.id))
        await world.deliver(*created(world, 2))
        assert await deployments(world) == [(2, "pending")]
        assert await skip_reasons(world) == []

    run(tmp_path, scenario)


def test_a_run_that_fails_after_its_effect_has_none(tmp_path, monkeypatch):
    async def scenario(world):
        await set_rule(world)
        await world.publish(*created(world, 1, 2))
        job = [await world.claim() for _ in range(2)][-1]
        before = await world.emitted_events()

        def fail(_transaction, job):
            raise LookupError(f"the process of job {job.id} ends here")

        with monkeypatch.context() as patch:
            patch.setattr(job_queue, "complete", fail)
            with pytest.raises(LookupError, match="ends here"):
                await world.run_job(job)
        assert await deployments(world) == []
        assert await world.emitted_events() == before
        for _ in range(2):
            await world.run_job(job)
        assert await deployments(world) == [(1, "cancelled"), (2, "pending")]

    run(tmp_path, scenario)


@pytest.mark.parametrize("seed", range(4))
def test_claims_of_many_processes_in_any_order_deploy_as_one_process_does(tmp_path, seed):
    chance = random.Random(seed)
    tags = ["1.0.0", "nightly", "1.1.0", "0.9.0", "2.0.0-rc.1", "main", "2.0.0", "1.2.0", "1.10.0"]
    versions = list(enumerate(chance.sample(tags, 7), start=1))

    async def play(world, *, is_shuffled):
        await set_rule(world)
        await set_rule(world, "shop", "^1", "prod")
        for number, tag in versions:
            await world.publish(*created(world, number, tag=tag))
        jobs = [job for _ in range(len(versions)) if (job := await world.claim())]
        if is_shuffled:
            jobs += chance.choices(jobs, k=4)
            chance.shuffle(jobs)
        for job in jobs:
            await world.run_job(job)
        page = await world.service.list(call(), PageRequest(sort="id", limit=200))
        return [(item.environment, item.tag, item.status) for item in page.items], await skip_reasons(world)

    results = []
    for is_shuffled in (False, True):
        directory = tmp_path / str(is_shuffled)
        directory.mkdir()
        run(
            directory,
            lambda world, is_shuffled=is_shuffled: append_result(
                results, play(world, is_shuffled=is_shuffled)
            ),
        )
    assert results[0] == results[1]


async def append_result(results, result):
    results.append(await result)


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_two_processes_deploy_each_version_once_and_in_order(runner, tmp_path):
    """Each has its own runner, and on PostgreSQL its own connections."""
    numbers, apps = range(1, 13), {1: "shop", 2: "blog"}

    async def scenario():
        async with two_worlds(runner, tmp_path) as (world, other):
            await set_rule(world)
            async with running(world), running(other):
                for number in numbers:
                    events = [
                        world.version_event("VersionCreated", number + 1000 * app_id - 1000, app_id, name)
                        for app_id, name in apps.items()
                    ]
                    await world.publish(*events)
                async with asyncio.timeout(30):
                    while {job.state for job in await world.jobs()} != {"done"}:  # noqa: ASYNC110 - rows set no event
                        await asyncio.sleep(0.01)
            page = await world.service.list(call(), PageRequest(sort="id", limit=200))
            for app_id in apps:
                versions = [item.version_id for item in page.items if item.app_id == app_id]
                assert versions == [number + 1000 * app_id - 1000 for number in numbers]
            assert await skip_reasons(world) == []
            assert len(await world.emitted_events("DeploymentCreated")) == 24

    asyncio.run(scenario())


@asynccontextmanager
async def two_worlds(runner, directory):
    """Yield two processes of the service: over one database file, or with two pools of one database."""
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(runner(directory, deployment_module))]
        is_shared = runner is RUNNERS["sqlite"]
        databases.append(
            databases[0]
            if is_shared
            else await stack.enter_async_context(runner(directory, deployment_module))
        )
        services = [deployment_module.make(item, ANY_VERSION, apps_of(ANY_VERSION)) for item in databases]
        yield [
            World(service, database, deployment_module.module(database, service))
            for service, database in zip(services, databases, strict=True)
        ]


@asynccontextmanager
async def running(world):
    """Run the jobs of a world."""
    job_runner = JobRunner(world.database, {}, RecordingLog(), Metrics(), units=world.job_units)
    world.database.on_jobs(job_runner.wake)
    task = asyncio.create_task(job_runner.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
