"""What is left of an app that was deleted is not of the next one that takes its name."""

from __future__ import annotations

import pytest

from envmgr.server.contracts.requests import DeploymentCreate, StatusCreate
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import NotFound
from support.services.deployment_fixtures import KnownVersions, run, version
from support.services.service_fixtures import call

OLD, NEW = version(1, app_id=1, app="shop"), version(2, app_id=3, app="shop")


async def replaced(world):
    """Have an app go, and another one take its name; return a deployment of each."""
    await world.deliver(world.app_event("AppCreated", 1, "shop"))
    old = await world.deploy_successfully(OLD.id)
    await world.deliver(world.app_event("AppDeleted", 1, "shop"), world.app_event("AppCreated", 3, "shop"))
    return old, await world.deploy_successfully(NEW.id)


def attempts(world, caller, deployment):
    """Begin everything that can be asked of a deployment."""
    yield world.service.get(caller, deployment.id)
    yield world.service.list_statuses(caller, deployment.id, PageRequest())
    yield world.service.add_status(caller, deployment.id, StatusCreate(status="rolled_back"))
    yield world.service.set_status(caller, deployment.id, StatusCreate(status="superseded"))
    yield world.service.delete(caller, deployment.id)


async def listed(world, caller, **filters):
    return [item.id for item in (await world.service.list(caller, PageRequest(filters=filters))).items]


def test_a_credential_for_an_app_neither_sees_nor_touches_what_is_left_of_one_that_had_its_name(tmp_path):
    async def scenario(world):
        old, new = await replaced(world)
        theirs = call(apps={NEW.app_id})
        assert await listed(world, theirs) == await listed(world, theirs, app_id=3) == [new.id]
        assert await listed(world, theirs, app_id=1) == []
        for attempt in attempts(world, theirs, old):
            with pytest.raises(NotFound, match=f"deployment {old.id} not found"):
                await attempt
        assert await world.service.get(theirs, new.id) == new
        matrix = await world.service.matrix(theirs, None)
        assert {place.app_id for place in matrix.placements} == {app.id for app in matrix.apps} == {3}

    run(tmp_path, scenario, KnownVersions(OLD, NEW))


def test_a_credential_for_another_app_of_that_name_does_not_learn_the_owner(tmp_path):
    async def scenario(world):
        old, new = await replaced(world)
        others = call(apps={2})
        for hidden in (old.id, new.id):
            with pytest.raises(NotFound, match=f"^deployment {hidden} not found$"):
                await world.service.get(others, hidden)

    run(tmp_path, scenario, KnownVersions(OLD, NEW))


def test_who_may_see_all_apps_sees_what_is_left_of_those_that_went(tmp_path):
    async def scenario(world):
        old, new = await replaced(world)
        assert await listed(world, call()) == [new.id, old.id]
        assert await listed(world, call(), app_id=1) == [old.id]
        assert (await world.service.get(call(), old.id)).status == "superseded"
        assert (await world.history(old))[-1][:2] == ("superseded", "app shop deleted")

    run(tmp_path, scenario, KnownVersions(OLD, NEW))


def test_what_is_of_an_app_is_its_own_before_any_event_tells_of_it_and_after_it_was_renamed(tmp_path):
    async def scenario(world):
        theirs = call(apps={OLD.app_id})
        made = await world.deploy(OLD.id, by=theirs)
        assert await listed(world, theirs) == [made.id]
        assert await world.service.get(theirs, made.id) == made
        matrix = await world.service.matrix(theirs, None)
        assert [(app.id, app.name) for app in matrix.apps] == [(1, "shop")]
        await world.deliver(world.app_event("AppCreated"), world.app_event("AppUpdated", 1, "store"))
        assert await listed(world, theirs) == [made.id]
        assert (await world.service.get(theirs, made.id)).app == "store"

    run(tmp_path, scenario, KnownVersions(OLD))


def test_an_app_that_is_about_to_go_is_out_of_sight_of_who_is_for_some_apps_until_it_stays(tmp_path):
    async def scenario(world):
        theirs, made = call(apps={OLD.app_id}), await world.deploy(OLD.id)
        leave = await world.service.begin_deletion(call(), app_id=1, force=True)
        assert await listed(world, theirs) == []
        assert (await world.service.matrix(theirs, None)).placements == ()
        for attempt in attempts(world, theirs, made):
            with pytest.raises(NotFound):
                await attempt
        assert await listed(world, call()) == [made.id]
        await world.service.cancel_deletion(call(), leave)
        assert await listed(world, theirs) == [made.id]
        assert await world.service.get(theirs, made.id) == made

    run(tmp_path, scenario, KnownVersions(OLD))


def test_a_credential_for_many_apps_lists_what_is_of_each_page_by_page(tmp_path):
    names = [f"app-{n}" for n in range(40)]
    known = [version(n, app_id=n, app=name) for n, name in enumerate(names, 1)]

    async def scenario(world):
        caller = call(apps=[item.app_id for item in known[::2]])
        for item in known:
            await world.service.create(call(), DeploymentCreate(version_id=item.id, environment="prod"))
        seen, cursor = [], None
        while True:
            page = await world.service.list(caller, PageRequest(limit=7, cursor=cursor))
            seen += [item.app for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert seen == names[::2][::-1]

    run(tmp_path, scenario, KnownVersions(*known))
