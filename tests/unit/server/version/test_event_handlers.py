from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import delete, update

from envmgr.server.app import module as app_module
from envmgr.server.contracts.requests import AppCreate, AppPatch, VersionPut
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import NotFound
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging.bus import InProcessBus
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.version import event_handlers
from envmgr.server.version import module as version_module
from envmgr.server.version.service import read_barrier
from envmgr.server.version.store import placements
from envmgr.server.version.store.tables import placement, placement_tool
from support.services.service_fixtures import FakeDeployments, app_service, call, emitted_events, opened
from support.services.version_fixtures import (
    app_data,
    built_with,
    deliver,
    deployment_event,
    event,
    lock,
    versions_of,
)

LATER = "2027-01-02T03:04:05.678Z"


def run(directory, scenario, *apps):
    async def whole():
        async with versions_of(directory, *(apps or ("shop", "blog"))) as (versions, database, module):
            return await scenario(versions, database, module)

    return asyncio.run(whole())


def app_renamed_event(sequence, app_id, name, at=LATER):
    return event("AppUpdated", sequence, app_data(app_id, name, at), source="app")


def app_deleted_event(sequence, app_id, name, at=LATER):
    return event("AppDeleted", sequence, app_data(app_id, name, at), source="app")


async def placements_of(versions, tool="go", **principal):
    """Return every placement with a version of a tool, and every one without a lock."""
    usage = await versions.usage(call(**principal), tool, "*", None, PageRequest(limit=200))
    return [(use.app, use.environment, use.tag) for use in (*usage.matches, *usage.without_lock)]


def test_versions_follow_the_rename_of_their_app(tmp_path):
    async def scenario(versions, database, module):
        first = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        other = (await versions.create(call(), "blog", "1.0", VersionPut())).value
        await deliver(module, deployment_event(1, 1, "shop", "prod", first), app_renamed_event(2, 1, "store"))
        result = await versions.get(call(), first.id)
        assert (result.app, result.rev) == ("store", first.rev + 1)
        assert await versions.get(call(), other.id) == other
        assert await placements_of(versions) == [("store", "prod", "1.0")]
        assert [e.type for e in await emitted_events(database, "version")] == ["VersionCreated"] * 2

    run(tmp_path, scenario)


def test_a_late_event_with_an_old_name_is_ignored(tmp_path):
    async def scenario(versions, _, module):
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        second, third = app_renamed_event(2, 1, "second"), app_renamed_event(3, 1, "third")
        await deliver(module, third, second, third, second)
        assert (await versions.get(call(), version.id)).app == "third"
        await deliver(module, deployment_event(1, 1, "shop", "prod", version))
        assert await placements_of(versions) == [("third", "prod", "1.0")]

    run(tmp_path, scenario)


def test_a_version_created_during_a_rename_has_the_new_name(tmp_path):
    async def scenario(versions, _, module):
        await deliver(module, app_renamed_event(2, 1, "store"))
        # The app's service answered just before it was renamed.
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        assert version.app == "store"

    run(tmp_path, scenario)


def test_a_name_from_the_app_service_is_preserved_while_events_lag(tmp_path):
    async def scenario(versions, _, module):
        await deliver(module, app_renamed_event(2, 1, "old", at="2025-01-01T00:00:00.000Z"))
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        assert version.app == "shop"

    run(tmp_path, scenario)


def test_versions_of_a_deleted_app_are_deleted_with_one_event_each(tmp_path, monkeypatch):
    monkeypatch.setattr(event_handlers, "BATCH", 2)

    async def scenario(versions, database, module):
        for n in range(5):
            version = (await versions.create(call(), "shop", f"1.{n}", built_with(f"go@1.22.{n}"))).value
        created = (await versions.create(call(), "blog", "1.0", built_with("go@1.22.4"))).value
        await deliver(
            module,
            deployment_event(1, 1, "shop", "prod", version),
            deployment_event(2, 2, "blog", "prod", created),
        )
        await deliver(module, app_deleted_event(9, 1, "shop"), app_deleted_event(9, 1, "shop"))
        assert (await versions.list(call(), PageRequest())).items == [created]
        assert await placements_of(versions) == [("blog", "prod", "1.0")]
        assert (await versions.lock(call(), created.id)).lock == lock("go@1.22.4")
        deleted = [e for e in await emitted_events(database, "version") if e.type == "VersionDeleted"]
        assert [e.data["tag"] for e in deleted] == [f"1.{n}" for n in range(5)]
        assert {e.actor for e in deleted} == {"user:bob"}

    run(tmp_path, scenario)


def test_late_events_of_a_deleted_app_are_ignored(tmp_path):
    async def scenario(versions, _, module):
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        await deliver(module, app_deleted_event(9, 1, "shop"))
        await deliver(
            module, deployment_event(5, 1, "shop", "prod", version), app_renamed_event(8, 1, "store")
        )
        assert await placements_of(versions) == []
        for attempt in (versions.create, versions.upsert):
            with pytest.raises(NotFound, match="app 'shop' not found"):
                # The app's service answered just before it was deleted.
                await attempt(call(), "shop", "1.1", VersionPut())

    run(tmp_path, scenario)


def test_a_version_created_during_the_deletion_of_its_app_is_deleted(tmp_path):
    async def scenario(versions, database, module):
        attempts = [versions.upsert(call(), "shop", f"1.{n}", VersionPut()) for n in range(20)]
        await asyncio.gather(
            *attempts, deliver(module, app_deleted_event(9, 1, "shop")), return_exceptions=True
        )
        assert (await versions.list(call(), PageRequest())).items == []
        types = [e.type for e in await emitted_events(database, "version")]
        assert types.count("VersionCreated") == types.count("VersionDeleted")

    run(tmp_path, scenario)


def test_placements_follow_the_newest_event(tmp_path):
    async def scenario(versions, _, module):
        first = (await versions.create(call(), "shop", "1.0", built_with("go@1.21.0"))).value
        second = (await versions.create(call(), "shop", "2.0", built_with("go@1.22.0"))).value
        begun = deployment_event(1, 1, "shop", "prod", None, "DeploymentCreated")
        up, newer, down = (
            deployment_event(n, 1, "shop", "prod", v) for n, v in ((2, first), (3, second), (5, None))
        )
        await deliver(module, begun)
        assert await placements_of(versions) == []
        await deliver(module, up, begun, up)
        assert await placements_of(versions) == [("shop", "prod", "1.0")]
        await deliver(module, newer, up, deployment_event(4, 1, "shop", "prod", second), newer)
        assert await placements_of(versions) == [("shop", "prod", "2.0")]
        await deliver(module, down, newer)
        assert await placements_of(versions) == []

    run(tmp_path, scenario)


def test_placements_are_updated_independently(tmp_path):
    async def scenario(versions, _, module):
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        await deliver(
            module, *(deployment_event(n, 1, "shop", env, version) for n, env in ((9, "prod"), (3, "dev")))
        )
        assert await placements_of(versions) == [("shop", "dev", "1.0"), ("shop", "prod", "1.0")]

    run(tmp_path, scenario)


def test_a_deleted_environment_has_no_placements(tmp_path):
    async def scenario(versions, _, module):
        version = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        for n, environment in enumerate(("dev", "prod"), 1):
            await deliver(module, deployment_event(n, 1, "shop", environment, version))
        await deliver(module, event("EnvironmentDeleted", 5, {}, subject="environment/prod"))
        await deliver(module, deployment_event(2, 1, "shop", "prod", version))
        assert await placements_of(versions) == [("shop", "dev", "1.0")]
        await deliver(module, deployment_event(6, 1, "shop", "prod", version))
        assert len(await placements_of(versions)) == 2

    run(tmp_path, scenario)


def test_a_placement_of_an_unknown_version_has_no_lock(tmp_path):
    async def scenario(versions, _, module):
        stranger = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        missing = msgspec.structs.replace(stranger, id=77)
        await deliver(module, deployment_event(1, 1, "shop", "prod", missing))
        usage = await versions.usage(call(), "go", "*", None, PageRequest())
        assert (usage.counts.matches, usage.counts.without_lock) == (0, 1)

    run(tmp_path, scenario)


def test_an_unreadable_event_is_rejected_as_a_whole(tmp_path):
    async def scenario(versions, _, module):
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        (placement_events,) = (
            subscription
            for subscription in module.subscriptions
            if subscription.consumer == read_barrier.CONSUMER
        )
        broken = event("DeploymentUpdated", 2, {"app_id": "x"})
        with pytest.raises(msgspec.ValidationError):
            await placement_events.handle([deployment_event(1, 1, "shop", "prod", version), broken])
        assert await placements_of(versions) == []

    run(tmp_path, scenario)


def test_over_the_bus_the_app_service_and_this_one_agree(tmp_path):
    async def relay(bus, database, service):
        outbox = Outbox(database, service)
        while events := await outbox.pending(100):
            await bus.publish(events)
            await outbox.acknowledge(events[-1].sequence)

    async def whole():
        async with opened(tmp_path, app_module) as apps_db, opened(tmp_path, version_module) as versions_db:
            apps = app_service(apps_db)
            versions = version_module.make(versions_db, apps)
            bus = InProcessBus()
            for subscription in version_module.module(versions_db, versions, FakeDeployments()).subscriptions:
                bus.subscribe(subscription)
            shop = (await apps.create(call(), AppCreate(name="shop"))).value
            version = (await versions.upsert(call(), "shop", "1.0", VersionPut())).value
            await apps.update(call(), "shop", AppPatch(name="store"))
            await relay(bus, apps_db, "app")
            assert (await versions.find(call(), "store", "1.0")).app == "store"
            await apps.delete(call(), str(shop.id), force=False)
            await relay(bus, apps_db, "app")
            with pytest.raises(NotFound):
                await versions.get(call(), version.id)

    asyncio.run(whole())


def republished_event(sequence, as_of, *items, after=0, last=None):
    data = {"after_app_id": after, "last_app_id": last, "as_of": as_of}
    return event("PlacementsRepublished", sequence, data | {"placements": list(items)})


def item(app_id, app, environment, version):
    return {
        "app_id": app_id,
        "app": app,
        "environment": environment,
        "version_id": version.id,
        "tag": version.tag,
    }


def test_republished_placements_correct_a_damaged_projection(tmp_path):
    async def scenario(versions, database, module):
        first = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        second = (await versions.create(call(), "blog", "2.0", built_with("go@1.23.0"))).value
        await deliver(module, deployment_event(1, 1, "shop", "prod", first))
        await deliver(module, deployment_event(2, 2, "blog", "prod", second))
        await deliver(module, deployment_event(3, 2, "blog", "dev", second))
        before = await placements_of(versions)

        def damage(transaction):
            # What a request never does: tools are missing, a version is another one, a placement is too many.
            transaction.execute(Statement(delete(placement_tool).where(placement_tool.c.app_id == 1)))
            transaction.execute(
                Statement(update(placement).where(placement.c.environment == "dev").values(sequence=999))
            )
            placements.apply_update(
                transaction, placements.PlacementUpdate(2, "blog", "prod", first.id, "1.0", 3)
            )
            placements.apply_update(
                transaction, placements.PlacementUpdate(9, "ghost", "prod", first.id, "1.0", 3)
            )

        await database.write(damage)
        assert await placements_of(versions) != before
        current = [
            item(1, "shop", "prod", first),
            item(2, "blog", "dev", second),
            item(2, "blog", "prod", second),
        ]
        await deliver(module, republished_event(4, 3, *current))
        assert await placements_of(versions) == before

    run(tmp_path, scenario)


def test_republished_placements_do_not_undo_later_deployments(tmp_path):
    async def scenario(versions, _, module):
        first = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        second = (await versions.create(call(), "shop", "2.0", built_with("go@1.23.0"))).value
        await deliver(module, deployment_event(1, 1, "shop", "prod", first))
        await deliver(module, deployment_event(2, 1, "shop", "prod", second))
        await deliver(module, deployment_event(3, 2, "blog", "dev", second))
        # The events 2 and 3 were committed after what is republished.
        await deliver(module, republished_event(4, 1, item(1, "shop", "prod", first)))
        assert set(await placements_of(versions)) == {("shop", "prod", "2.0"), ("blog", "dev", "2.0")}

    run(tmp_path, scenario)


def test_republished_placements_leave_other_ranges_alone(tmp_path):
    async def scenario(versions, _, module):
        first = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        await deliver(module, deployment_event(1, 1, "shop", "prod", first))
        await deliver(module, deployment_event(2, 2, "blog", "prod", first))
        await deliver(module, republished_event(3, 2, after=1, last=2))
        assert await placements_of(versions) == [("shop", "prod", "1.0")]

    run(tmp_path, scenario)
