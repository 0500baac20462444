from __future__ import annotations

import asyncio

import pytest

from envmgr.server.app import module
from envmgr.server.contracts.problems import AppInUse
from envmgr.server.contracts.requests import AppCreate, AppPatch, AppPut
from envmgr.server.contracts.resources import Build, Toolchain, Version
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
    ServiceUnavailable,
)
from envmgr.server.kit.common.results import Result
from support.services.service_fixtures import (
    FakeDeployments,
    NoVersions,
    app_service,
    call,
    emitted_events,
    opened,
)


def run(directory, scenario, **ports):
    async def main():
        async with opened(directory, module) as database:
            return await scenario(app_service(database, **ports), database)

    return asyncio.run(main())


def test_an_app_is_found_by_its_id_and_by_its_name(tmp_path):
    async def scenario(apps, _):
        result = await apps.create(call(), AppCreate(name="shop", description="sells"))
        assert result.created
        assert await apps.get(call(), "shop") == await apps.get(call(), str(result.value.id)) == result.value

    run(tmp_path, scenario)


@pytest.mark.parametrize("ref", ["shop", "7", "9" * 400, "", "Ünïcode", "٣"])
def test_an_unknown_resource_is_not_found(tmp_path, ref):
    async def scenario(apps, _):
        with pytest.raises(NotFound):
            await apps.get(call(), ref)

    run(tmp_path, scenario)


def test_a_duplicate_name_is_rejected(tmp_path):
    async def scenario(apps, database):
        results = await asyncio.gather(
            *(apps.create(call(), AppCreate(name="shop")) for _ in range(8)), return_exceptions=True
        )
        assert sum(not isinstance(result, Exception) for result in results) == 1
        assert sum(isinstance(result, AlreadyExists) for result in results) == 7
        assert [event.type for event in await emitted_events(database, "app")] == ["AppCreated"]

    run(tmp_path, scenario)


def test_every_change_emits_an_event_in_order_without_gaps(tmp_path):
    async def scenario(apps, database):
        app = (await apps.create(call(), AppCreate(name="shop"))).value
        await apps.update(call(), "shop", AppPatch(description="sells"))
        await apps.replace(call(), "shop", AppPut(name="store"))
        await apps.delete(call(), "store", force=False)
        events = await emitted_events(database, "app")
        assert [(event.sequence, event.type) for event in events] == [
            (1, "AppCreated"),
            (2, "AppUpdated"),
            (3, "AppUpdated"),
            (4, "AppDeleted"),
        ]
        assert {event.subject for event in events} == {f"app/{app.id}"}
        assert {event.actor for event in events} == {"user:ada"}
        assert events[1].data["description"] == "sells"

    run(tmp_path, scenario)


def test_a_no_op_change_emits_no_event(tmp_path):
    async def scenario(apps, database):
        app = (await apps.create(call(), AppCreate(name="shop"))).value
        assert await apps.replace(call(), "shop", AppPut(name="shop")) == app
        assert len(await emitted_events(database, "app")) == 1

    run(tmp_path, scenario)


def test_an_update_with_a_stale_etag_is_rejected(tmp_path):
    async def scenario(apps, _):
        app = (await apps.create(call(), AppCreate(name="shop"))).value
        caller = call(if_match=etag_of(app))
        results = await asyncio.gather(
            *(apps.update(caller, "shop", AppPatch(description=f"by {n}")) for n in range(8)),
            return_exceptions=True,
        )
        assert sum(not isinstance(result, Exception) for result in results) == 1
        assert sum(isinstance(result, PreconditionFailed) for result in results) == 7
        with pytest.raises(PreconditionFailed):
            await apps.delete(caller, "shop", force=True)

    run(tmp_path, scenario)


def test_a_deployed_app_is_deleted_only_with_force(tmp_path):
    async def scenario(apps, _):
        await apps.create(call(), AppCreate(name="shop"))
        with pytest.raises(AppInUse, match="2 environment"):
            await apps.delete(call(), "shop", force=False)
        await apps.delete(call(), "shop", force=True)
        with pytest.raises(NotFound):
            await apps.get(call(), "shop")

    run(tmp_path, scenario, deployments=FakeDeployments(2))


def test_a_deletion_hold_precedes_the_deletion_of_an_app_and_is_cancelled_on_failure(tmp_path):
    deployments = FakeDeployments()

    async def scenario(apps, _):
        shop = (await apps.create(call(), AppCreate(name="shop"))).value
        with pytest.raises(PreconditionFailed):
            await apps.delete(call(if_match="1.2"), "shop", force=True)
        assert deployments.left == {}
        results = await asyncio.gather(
            *(apps.delete(call(), "shop", force=False) for _ in range(3)), return_exceptions=True
        )
        assert [type(result) for result in results].count(NotFound) == 2
        assert list(deployments.left.values()) == [(shop.id, None)]

    run(tmp_path, scenario, deployments=deployments)


def test_a_new_app_with_the_same_name_is_not_deleted_instead(tmp_path):
    class Swapping(FakeDeployments):
        async def begin_deletion(self, context_, **options):
            await self.apps.update(call(), "shop", AppPatch(name="store"))
            await self.apps.create(call(), AppCreate(name="shop"))
            return await super().begin_deletion(context_, **options)

    deployments = Swapping()

    async def scenario(apps, _):
        deployments.apps = apps
        await apps.create(call(), AppCreate(name="shop"))
        with pytest.raises(Conflict, match="another app"):
            await apps.delete(call(), "shop", force=False)
        assert [(await apps.get(call(), name)).id for name in ("store", "shop")] == [1, 2]
        assert deployments.left == {}

    run(tmp_path, scenario, deployments=deployments)


def test_the_id_of_a_deleted_app_is_never_reused(tmp_path):
    async def scenario(apps, _):
        first = (await apps.create(call(), AppCreate(name="shop"))).value
        await apps.delete(call(), "shop", force=False)
        second = (await apps.create(call(), AppCreate(name="shop"))).value
        assert second.id > first.id

    run(tmp_path, scenario)


def test_requests_with_one_idempotency_key_create_one_app(tmp_path):
    async def scenario(apps, database):
        results = [await apps.create(call(key="k"), AppCreate(name="shop")) for _ in range(3)]
        assert [result.replayed for result in results] == [False, True, True]
        assert len({result.value for result in results}) == 1
        assert len(await emitted_events(database, "app")) == 1

    run(tmp_path, scenario)


def test_an_idempotency_key_is_bound_to_one_request_of_one_caller(tmp_path):
    async def scenario(apps, _):
        await apps.create(call(key="k"), AppCreate(name="shop"))
        with pytest.raises(IdempotencyKeyReused):
            await apps.create(call(key="k", fingerprint="g"), AppCreate(name="blog"))
        other = await apps.create(call(key="k", actor="user:bob"), AppCreate(name="blog"))
        assert not other.replayed

    run(tmp_path, scenario)


def test_a_failed_request_releases_its_idempotency_key(tmp_path):
    async def scenario(apps, _):
        await apps.create(call(), AppCreate(name="shop"))
        with pytest.raises(AlreadyExists):
            await apps.create(call(key="k"), AppCreate(name="shop"))
        await apps.delete(call(), "shop", force=False)
        assert not (await apps.create(call(key="k"), AppCreate(name="shop"))).replayed

    run(tmp_path, scenario)


class _AwayOnce(NoVersions):
    async def upsert(self, context, app, tag, put):
        self.put_calls.append((app, tag))
        if len(self.put_calls) == 1:
            raise ServiceUnavailable("away")
        return Result(version(app, tag))


def version(app, tag):
    """Return a version as its service returns it."""
    timestamp = "2026-01-02T03:04:05.678Z"
    return Version(
        id=5,
        app_id=int(app),
        app="shop",
        tag=tag,
        changelog="",
        commit="",
        ref="",
        artifacts=(),
        build=Build(),
        toolchain=Toolchain(lock_digest=None, tools=()),
        digest="sha256:" + "0" * 64,
        created_at=timestamp,
        updated_at=timestamp,
        rev=1,
    )


def test_a_repeated_request_resumes_a_partial_one(tmp_path):
    versions = _AwayOnce()

    async def scenario(apps, database):
        new = AppCreate(name="shop", version="1.0")
        with pytest.raises(ServiceUnavailable):
            await apps.create(call(key="k"), new)
        result = await apps.create(call(key="k"), new)
        assert result.value.version.tag == "1.0"
        again = await apps.create(call(key="k"), new)
        assert again.replayed
        assert again.value == result.value
        assert versions.put_calls == [(str(result.value.id), "1.0")] * 2
        assert [event.type for event in await emitted_events(database, "app")] == ["AppCreated"]

    run(tmp_path, scenario, versions=versions)


def test_an_app_with_a_version_requires_the_scope_for_versions(tmp_path):
    async def scenario(apps, _):
        with pytest.raises(Forbidden, match="versions:write"):
            await apps.create(call("viewer"), AppCreate(name="shop", version="1.0"))
        with pytest.raises(NotFound):
            await apps.get(call(), "shop")

    run(tmp_path, scenario)


def test_a_credential_for_one_app_cannot_read_or_change_others(tmp_path):
    async def scenario(apps, _):
        for name in ("shop", "blog"):
            await apps.create(call(), AppCreate(name=name))
        limited_caller = call(apps={1})
        assert [app.name for app in (await apps.list(limited_caller, PageRequest())).items] == ["shop"]
        for attempt in (
            apps.get(limited_caller, "blog"),
            apps.get(limited_caller, "2"),
            apps.update(limited_caller, "blog", AppPatch(description="x")),
            apps.delete(limited_caller, "blog", force=True),
        ):
            with pytest.raises(NotFound, match=r"^app '(blog|2)' not found$"):
                await attempt
        for attempt in (
            apps.create(limited_caller, AppCreate(name="new")),
            apps.create(limited_caller, AppCreate(name="blog")),
            apps.replace(limited_caller, "shop", AppPut(name="mine-now")),
            apps.replace(limited_caller, "shop", AppPut(name="blog")),
        ):
            with pytest.raises(Forbidden, match="limited to some apps"):
                await attempt
        assert (await apps.list(call(apps=()), PageRequest())).items == []

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("sort", "expected"), [(None, "cba"), ("id", "abc"), ("-name", "cba"), ("created_at", "abc")]
)
def test_pages_list_every_app_once_in_order_during_inserts(tmp_path, sort, expected):
    async def scenario(apps, _):
        for name in "abc":
            await apps.create(call(), AppCreate(name=name))
        items, cursor = [], None
        while True:
            page = await apps.list(call(), PageRequest(limit=1, cursor=cursor, sort=sort))
            items += [app.name for app in page.items]
            if page.next is None:
                break
            cursor = page.next
            if sort is None:
                await apps.create(call(), AppCreate(name=f"late-{len(items)}"))
        assert "".join(items) == expected

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("paging", "pointer"),
    [
        (PageRequest(sort="colour"), "?sort"),
        (PageRequest(cursor="x"), "?cursor"),
        (PageRequest(cursor="WyJuYW1lIiwxLDFd"), "?cursor"),
        (PageRequest(cursor="é"), "?cursor"),
    ],
)
def test_an_invalid_list_request_names_the_parameter(tmp_path, paging, pointer):
    async def scenario(apps, _):
        with pytest.raises(InvalidFields) as caught:
            await apps.list(call(), paging)
        assert caught.value.errors[0][0] == pointer

    run(tmp_path, scenario)


def test_names_are_case_insensitive_and_keep_their_first_case(tmp_path):
    async def scenario(apps, _):
        shop = (await apps.create(call(), AppCreate(name="Shop"))).value
        await apps.create(call(), AppCreate(name="blog"))
        for ref in ("shop", "SHOP", "Shop"):
            assert (await apps.get(call(), ref)).name == "Shop"
        for attempt in (
            apps.create(call(), AppCreate(name="sHOP")),
            apps.update(call(), "blog", AppPatch(name="SHOP")),
        ):
            with pytest.raises(AlreadyExists):
                await attempt
        assert await apps.find_ids(["shop", "nope"]) == {"shop": shop.id}
        assert (await apps.update(call(), "shop", AppPatch(name="SHOP"))).name == "SHOP"

    run(tmp_path, scenario)
