"""The contract of the port of apps, for the local service and over gRPC."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from envmgr.server.app import module
from envmgr.server.app.rpc import rpc_service
from envmgr.server.contracts.remote.apps import RemoteApps
from envmgr.server.contracts.requests import AppCreate, AppPatch, AppPut
from envmgr.server.kit.common.context import system_context
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.preconditions import etag_of
from envmgr.server.kit.common.problems import (
    AlreadyExists,
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    InvalidFields,
    NotFound,
    PreconditionFailed,
    Unauthenticated,
)
from support.services.deployment_fixtures import version
from support.services.remote_ports import TRANSPORTS, Principals, port_over
from support.services.service_fixtures import emitted_events, opened


@pytest.fixture(params=TRANSPORTS)
def run(request, tmp_path):
    """Run a scenario over a new service: `scenario(apps, principals, database)`."""

    @asynccontextmanager
    async def port(principals):
        async with opened(tmp_path, module) as database:
            service = module.make(database)
            async with port_over(
                request.param, service, [rpc_service(service)], RemoteApps, principals
            ) as apps:
                yield apps, database

    def run_scenario(scenario):
        async def whole():
            principals = Principals()
            async with port(principals) as (apps, database):
                return await scenario(apps, principals, database)

        return asyncio.run(whole())

    return run_scenario


def test_an_app_is_created_read_and_deleted(run):
    async def scenario(apps, principals, database):
        context = principals.context()
        result = await apps.create(context, AppCreate(name="shop", description="sells"))
        app = result.value
        assert (result.created, result.replayed) == (True, False)
        assert (app.id, app.name, app.description, app.rev, app.version) == (1, "shop", "sells", 1, UNSET)
        assert await apps.get(context, "shop") == await apps.get(context, "1") == app
        await apps.delete(context, "shop", app.id)
        with pytest.raises(NotFound, match="app 'shop' not found"):
            await apps.get(context, "shop")
        events = await emitted_events(database, "app")
        assert [(event.type, event.actor) for event in events] == [
            ("AppCreated", "user:ada"),
            ("AppDeleted", "user:ada"),
        ]
        assert {event.traceparent for event in events} == {context.traceparent}

    run(scenario)


def test_a_repeated_creation_returns_the_first_result(run):
    async def scenario(apps, principals, _database):
        context = principals.context(key="key-1")
        first = await apps.create(context, AppCreate(name="shop"))
        second = await apps.create(context, AppCreate(name="shop"))
        assert (second.value, second.replayed) == (first.value, True)
        other = replace(context, idempotency=replace(context.idempotency, fingerprint="other"))
        with pytest.raises(IdempotencyKeyReused):
            await apps.create(other, AppCreate(name="shop"))

    run(scenario)


def test_a_repeated_creation_returns_the_completed_one(run):
    async def scenario(apps, principals, _database):
        context = principals.context(key="key-1")
        app = (await apps.create(context, AppCreate(name="shop", version="1.0.0"))).value
        whole = replace(app, version=version(7, app.id, "shop", "1.0.0"))
        await apps.complete_creation(context, whole)
        assert (await apps.create(context, AppCreate(name="shop", version="1.0.0"))).value == whole

    run(scenario)


def test_a_taken_name_is_a_conflict(run):
    async def scenario(apps, principals, _database):
        context = principals.context()
        await apps.create(context, AppCreate(name="shop"))
        with pytest.raises(AlreadyExists) as caught:
            await apps.create(context, AppCreate(name="SHOP"))
        assert caught.value.status == 409
        assert caught.value.slug == "already-exists"
        assert "shop" in caught.value.detail.casefold()

    run(scenario)


def test_apps_are_listed_in_pages(run):
    async def scenario(apps, principals, _database):
        context = principals.context()
        for name in ("a", "b", "c"):
            await apps.create(context, AppCreate(name=name))
        page = await apps.list(context, PageRequest(limit=2))
        second = await apps.list(context, PageRequest(limit=2, cursor=page.next))
        assert [app.name for app in page.items] == ["c", "b"]
        assert ([app.name for app in second.items], second.next) == (["a"], None)
        ordered = await apps.list(context, PageRequest(sort="name"))
        assert [app.name for app in ordered.items] == ["a", "b", "c"]
        matching = await apps.list(context, PageRequest(filters={"name": "b"}))
        assert [app.name for app in matching.items] == ["b"]
        with pytest.raises(InvalidFields):
            await apps.list(context, PageRequest(cursor="forged"))

    run(scenario)


def test_a_credential_for_some_apps_has_these_only(run):
    async def scenario(apps, principals, _database):
        admin = principals.context()
        for name in ("shop", "blog"):
            await apps.create(admin, AppCreate(name=name))
        limited = principals.context(apps={1})
        assert [app.name for app in (await apps.list(limited, PageRequest())).items] == ["shop"]
        with pytest.raises(NotFound):
            await apps.get(limited, "blog")
        with pytest.raises(Forbidden, match="limited to some apps"):
            await apps.create(limited, AppCreate(name="new"))

    run(scenario)


def test_names_and_ids_are_found_without_a_principal(run):
    async def scenario(apps, principals, _database):
        for name in ("shop", "blog"):
            await apps.create(principals.context(), AppCreate(name=name))
        assert await apps.find_ids(["shop", "blog", "none"]) == {"shop": 1, "blog": 2}
        assert await apps.find_names([1, 2, 3]) == {1: "shop", 2: "blog"}
        assert await apps.find_ids([]) == {}

    run(scenario)


def test_an_app_is_replaced_and_updated(run):
    async def scenario(apps, principals, _database):
        context = principals.context()
        await apps.create(context, AppCreate(name="shop", description="sells"))
        replaced = await apps.replace(context, "shop", AppPut(name="store"))
        assert (replaced.name, replaced.description, replaced.rev) == ("store", "", 2)
        updated = await apps.update(context, "store", AppPatch(description="sells more"))
        assert (updated.name, updated.description) == ("store", "sells more")
        emptied = await apps.update(context, "store", AppPatch(description=""))
        assert (emptied.name, emptied.description) == ("store", "")

    run(scenario)


def test_a_change_under_another_etag_is_refused(run):
    async def scenario(apps, principals, _database):
        context = principals.context()
        app = (await apps.create(context, AppCreate(name="shop"))).value
        matching = replace(context, if_match=frozenset({etag_of(app), "Ø"}))
        changed = await apps.update(matching, "shop", AppPatch(description="new"))
        with pytest.raises(PreconditionFailed, match=etag_of(changed)):
            await apps.update(matching, "shop", AppPatch(description="newer"))
        with pytest.raises(PreconditionFailed):
            await apps.delete(replace(context, if_match=frozenset()), "shop", app.id)

    run(scenario)


def test_deleting_under_the_name_of_another_app_is_a_conflict(run):
    async def scenario(apps, principals, _database):
        context = principals.context()
        await apps.create(context, AppCreate(name="shop"))
        with pytest.raises(Conflict, match="taken by another app"):
            await apps.delete(context, "shop", 2)

    run(scenario)


def test_a_revoked_credential_changes_nothing(run):
    async def scenario(apps, principals, database):
        context = principals.context()
        principals.revoke(context)
        with pytest.raises(Unauthenticated, match="revoked") as caught:
            await apps.create(context, AppCreate(name="shop"))
        assert "invalid_token" in caught.value.headers["www-authenticate"]
        assert await emitted_events(database, "app") == []

    run(scenario)


def test_a_principal_that_lost_a_scope_changes_nothing(run):
    async def scenario(apps, principals, database):
        context = principals.context()
        principals.revoke(context, "apps:write")
        with pytest.raises(Forbidden, match="apps:write"):
            await apps.create(context, AppCreate(name="shop"))
        assert await emitted_events(database, "app") == []

    run(scenario)


def test_the_server_itself_reads_every_app(run):
    async def scenario(apps, principals, _database):
        await apps.create(principals.context(), AppCreate(name="shop"))
        assert (await apps.get(system_context("deployment"), "1")).name == "shop"

    run(scenario)
