"""Usage includes every acknowledged deployment, or is unavailable."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.contracts.events import EVENTS
from envmgr.server.contracts.problems import ProjectionBehind
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.version.service import read_barrier
from support.services.service_fixtures import FakeDeployments, call
from support.services.version_fixtures import built_with, deliver, deployment_event, event, versions_of


def run(directory, scenario, published):
    async def main():
        deployments = FakeDeployments(events=published)
        async with versions_of(directory, "shop", deployments=deployments) as (versions, database, module):
            return await scenario(versions, database, module)

    return asyncio.run(main())


async def used_tags(versions):
    return [use.tag for use in (await versions.usage(call(), "go", "*", None, PageRequest(limit=50))).matches]


class StoppedClock:
    """A clock by which a test takes no time."""

    @staticmethod
    def monotonic():
        return 0.0


def test_usage_waits_for_pending_deployment_events(tmp_path, monkeypatch):
    monkeypatch.setattr(read_barrier, "time", StoppedClock)

    async def scenario(versions, _, module):
        version = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        asking = asyncio.create_task(used_tags(versions))
        await asyncio.sleep(0.05)
        assert not asking.done()
        await deliver(
            module,
            deployment_event(1, 1, "shop", "prod", version),
            deployment_event(2, 1, "shop", "eu", version),
        )
        assert await asking == ["1.0", "1.0"]

    run(tmp_path, scenario, published=2)


def test_usage_is_unavailable_until_deployments_are_consumed(tmp_path):
    async def scenario(_, database, module):
        await deliver(module, event("EnvironmentCreated", 1, {}))
        with pytest.raises(ProjectionBehind, match="still being processed") as caught:
            await read_barrier.wait_until_consumed(database, 2, timeout_seconds=0.02)
        assert caught.value.headers == {"retry-after": "1"}
        await read_barrier.wait_until_consumed(database, 1, timeout_seconds=0)

    run(tmp_path, scenario, published=2)


@pytest.mark.parametrize("type_", ["EnvironmentCreated", "EnvironmentUpdated", "AutoDeploySkipped"])
def test_events_without_a_placement_change_advance_the_offset(tmp_path, type_):
    async def scenario(versions, _, module):
        await deliver(module, event(type_, 7, {}))
        assert await used_tags(versions) == []

    run(tmp_path, scenario, published=7)


def test_a_redelivered_event_reverts_nothing(tmp_path):
    async def scenario(versions, _, module):
        await deliver(module, event("EnvironmentCreated", 7, {}), event("EnvironmentCreated", 3, {}))
        assert await used_tags(versions) == []

    run(tmp_path, scenario, published=7)


def test_usage_reports_a_dead_lettered_event_until_it_is_consumed(tmp_path):
    async def scenario(versions, _, module):
        version = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        (placement_events,) = (
            subscription
            for subscription in module.subscriptions
            if subscription.consumer == read_barrier.CONSUMER
        )
        first, second = (
            deployment_event(1, 1, "shop", "prod", version),
            deployment_event(2, 1, "shop", "eu", version),
        )
        await placement_events.dead_letter(first, ValueError("a bug"), 5)
        await placement_events.handle([second])
        with pytest.raises(ProjectionBehind, match="dead-letters") as caught:
            await used_tags(versions)
        assert caught.value.headers == {"retry-after": "60"}
        await module.dead_letters.retry(1)
        assert await used_tags(versions) == ["1.0", "1.0"]

    run(tmp_path, scenario, published=2)


def test_every_event_type_of_deployments_is_consumed():
    """Usage would wait for a type without a consumer."""
    prefixes = ("Deployment", "Environment", "AutoDeploy", "Placement", "SequenceGap")
    events = {type_ for type_ in EVENTS if type_.startswith(prefixes)}
    assert set(read_barrier.SOURCE_EVENT_TYPES) == events
