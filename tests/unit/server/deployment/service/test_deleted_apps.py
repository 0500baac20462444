"""Resources of a deleted app do not belong to the next app of the same name."""

from __future__ import annotations

import pytest

from envmgr.server.contracts.requests import DeploymentCreate, StatusCreate
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import NotFound
from support.services.deployment_fixtures import KnownVersions, run, version
from support.services.service_fixtures import call

OLD, NEW = version(1, app_id=1, app="shop"), version(2, app_id=3, app="shop")


async def replace_app(world):
    """Delete an app, create another one of its name, and return a deployment of each."""
    await world.deliver(world.app_event("AppCreated", 1, "shop"))
    old = await world.deploy_successfully(OLD.id)
    await world.deliver(world.app_event("AppDeleted", 1, "shop"), world.app_event("AppCreated", 3, "shop"))
    return old, await world.deploy_successfully(NEW.id)


def attempts(world, caller, deployment):
    """Return a call of every operation on a deployment."""
    yield world.service.get(caller, deployment.id)
    yield world.service.list_statuses(caller, deployment.id, PageRequest())
    yield world.service.add_status(caller, deployment.id, StatusCreate(status="rolled_back"))
    yield world.service.set_status(caller, deployment.id, StatusCreate(status="superseded"))
    yield world.service.delete(caller, deployment.id)


async def list_ids(world, caller, **filters):
    return [item.id for item in (await world.service.list(caller, PageRequest(filters=filters))).items]


def test_a_credential_for_an_app_cannot_access_deployments_of_a_deleted_namesake(tmp_path):
    async def scenario(world):
        old, new = await replace_app(world)
        theirs = call(apps={NEW.app_id})
        assert await list_ids(world, theirs) == await list_ids(world, theirs, app_id=3) == [new.id]
        assert await list_ids(world, theirs, app_id=1) == []
        for attempt in attempts(world, theirs, old):
            with pytest.raises(NotFound, match=f"deployment {old.id} not found"):
                await attempt
        assert await world.service.get(theirs, new.id) == new
        matrix = await world.service.matrix(theirs, None)
        assert {placement.app_id for placement in matrix.placements} == {app.id for app in matrix.apps} == {3}

    run(tmp_path, scenario, KnownVersions(OLD, NEW))


def test_a_credential_for_a_namesake_does_not_learn_the_owner(tmp_path):
    async def scenario(world):
        old, new = await replace_app(world)
        others = call(apps={2})
        for hidden in (old.id, new.id):
            with pytest.raises(NotFound, match=f"^deployment {hidden} not found$"):
                await world.service.get(others, hidden)

    run(tmp_path, scenario, KnownVersions(OLD, NEW))


def test_a_caller_for_all_apps_can_read_deployments_of_deleted_apps(tmp_path):
    async def scenario(world):
        old, new = await replace_app(world)
        assert await list_ids(world, call()) == [new.id, old.id]
        assert await list_ids(world, call(), app_id=1) == [old.id]
        assert (await world.service.get(call(), old.id)).status == "superseded"
        assert (await world.history(old))[-1][:2] == ("superseded", "app shop deleted")

    run(tmp_path, scenario, KnownVersions(OLD, NEW))


def test_deployments_belong_to_their_app_before_events_arrive_and_after_a_rename(tmp_path):
    async def scenario(world):
        theirs = call(apps={OLD.app_id})
        made = await world.deploy(OLD.id, by=theirs)
        assert await list_ids(world, theirs) == [made.id]
        assert await world.service.get(theirs, made.id) == made
        matrix = await world.service.matrix(theirs, None)
        assert [(app.id, app.name) for app in matrix.apps] == [(1, "shop")]
        await world.deliver(world.app_event("AppCreated"), world.app_event("AppUpdated", 1, "store"))
        assert await list_ids(world, theirs) == [made.id]
        assert (await world.service.get(theirs, made.id)).app == "store"

    run(tmp_path, scenario, KnownVersions(OLD))


def test_an_app_with_a_deletion_hold_is_hidden_from_limited_callers(tmp_path):
    async def scenario(world):
        theirs, made = call(apps={OLD.app_id}), await world.deploy(OLD.id)
        leave = await world.service.begin_deletion(call(), app_id=1, force=True)
        assert await list_ids(world, theirs) == []
        assert (await world.service.matrix(theirs, None)).placements == ()
        for attempt in attempts(world, theirs, made):
            with pytest.raises(NotFound):
                await attempt
        assert await list_ids(world, call()) == [made.id]
        await world.service.cancel_deletion(call(), leave)
        assert await list_ids(world, theirs) == [made.id]
        assert await world.service.get(theirs, made.id) == made

    run(tmp_path, scenario, KnownVersions(OLD))


def test_a_credential_for_many_apps_lists_all_of_their_deployments(tmp_path):
    names = [f"app-{n}" for n in range(40)]
    versions = [version(n, app_id=n, app=name) for n, name in enumerate(names, 1)]

    async def scenario(world):
        caller = call(apps=[item.app_id for item in versions[::2]])
        for item in versions:
            await world.service.create(call(), DeploymentCreate(version_id=item.id, environment="prod"))
        seen, cursor = [], None
        while True:
            page = await world.service.list(caller, PageRequest(limit=7, cursor=cursor))
            seen += [item.app for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert seen == names[::2][::-1]

    run(tmp_path, scenario, KnownVersions(*versions))
