from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from envmgr.server.contracts.problems import (
    InvalidLock,
    LockDigestMismatch,
    VersionContentMismatch,
    VersionInUse,
)
from envmgr.server.contracts.requests import ToolchainInput, VersionPatch, VersionPut
from envmgr.server.contracts.resources import Artifact, Build, LockedTool, LockFile
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import (
    AlreadyExists,
    IdempotencyKeyReused,
    InvalidFields,
    NotFound,
    PreconditionFailed,
)
from envmgr.server.version.domain.lock_parser import digest_of
from envmgr.server.version.service import version_service
from support.services.service_fixtures import FakeDeployments, call, emitted_events
from support.services.version_fixtures import built_with, lock, versions_of

ZIP = Artifact(name="shop.zip", digest=f"sha256:{'1' * 64}", url="https://ci.e.org/runs/1/shop.zip")
IMAGE = Artifact(name="shop", digest=f"sha256:{'2' * 64}", type="oci")


def run(directory, scenario, **stand_ins):
    async def main():
        async with versions_of(directory, "shop", "blog", **stand_ins) as (versions, database, _):
            return await scenario(versions, database)

    return asyncio.run(main())


async def rows(database, table):
    """Count a table's rows, including those that the service does not return."""
    from sqlalchemy import func, select

    from envmgr.server.kit.db.sql import Statement
    from envmgr.server.version.store.tables import metadata

    counting = Statement(select(func.count()).select_from(metadata.tables[table]))
    return await database.read(lambda reader: reader.one(counting)[0])


def test_a_version_is_found_by_its_id_and_by_its_tag(tmp_path):
    async def scenario(versions, _):
        request = built_with(
            "nodejs@20.19.5", commit="abcdef0", artifacts=(ZIP,), build=Build(ci="gitlab", dirty=True)
        )
        result = await versions.create(call(), "shop", "1.0", request)
        assert result.created
        version = result.value
        assert (version.app, version.app_id, version.tag, version.rev) == ("shop", 1, "1.0", 1)
        assert version.build == Build(ci="gitlab", dirty=True)
        assert version.toolchain.tools == (
            LockedTool(
                tool="nodejs", version="20.19.5", requests=("nodejs@20.19.5",), platforms=("linux-x64",)
            ),
        )
        assert await versions.get(call(), version.id) == version
        assert (
            await versions.find(call(), "shop", "1.0") == await versions.find(call(), "1", "1.0") == version
        )

    run(tmp_path, scenario)


def test_an_unknown_resource_is_not_found(tmp_path):
    async def scenario(versions, _):
        for attempt in (
            versions.get(call(), 1),
            versions.lock(call(), 1),
            versions.find(call(), "shop", "1.0"),
            versions.find(call(), "nope", "1.0"),
            versions.create(call(), "nope", "1.0", VersionPut()),
            versions.upsert(call(), "nope", "1.0", VersionPut()),
            versions.list(call(), PageRequest(filters={"app": "nope"})),
            versions.update(call(), 1, VersionPatch(ref="x")),
            versions.replace(call(), 1, VersionPut()),
            versions.delete(call(), 1),
        ):
            with pytest.raises(NotFound):
                await attempt

    run(tmp_path, scenario)


def test_a_duplicate_tag_in_an_app_is_rejected(tmp_path):
    async def scenario(versions, database):
        results = await asyncio.gather(
            *(versions.create(call(), "shop", "1.0", built_with("go@1.22.0")) for _ in range(8)),
            return_exceptions=True,
        )
        assert sum(not isinstance(result, Exception) for result in results) == 1
        assert sum(isinstance(result, AlreadyExists) for result in results) == 7
        await versions.create(call(), "blog", "1.0", VersionPut())
        assert [event.type for event in await emitted_events(database, "version")] == ["VersionCreated"] * 2

    run(tmp_path, scenario)


def test_concurrent_identical_pushes_create_one_version(tmp_path):
    async def scenario(versions, database):
        push = built_with("go@1.22.0", commit="abcdef0")
        results = await asyncio.gather(*(versions.upsert(call(), "shop", "1.0", push) for _ in range(8)))
        assert sorted(result.created for result in results) == [False] * 7 + [True]
        assert len({result.value.id for result in results}) == 1
        assert len(await emitted_events(database, "version")) == 1

    run(tmp_path, scenario)


def test_an_identical_push_of_another_run_returns_the_version_unchanged(tmp_path):
    async def scenario(versions, database):
        push = built_with("go@1.22.0", commit="abcdef0", artifacts=(ZIP, IMAGE), build=Build(run_attempt="1"))
        first = await versions.upsert(call(), "shop", "1.0", push)
        moved = Artifact(name=ZIP.name, digest=ZIP.digest, url="https://ci.e.org/runs/2/shop.zip")
        again = built_with(
            "go@1.22.0",
            commit="abcdef0",
            artifacts=(IMAGE, moved, moved),
            build=Build(run_attempt="2"),
            changelog="written later",
            ref="refs/heads/main",
        )
        second = await versions.upsert(call(), "shop", "1.0", again)
        assert (second.created, second.value) == (False, first.value)
        assert len(await emitted_events(database, "version")) == 1

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "other",
    [
        built_with("go@1.22.0", commit="abcdef1", artifacts=(ZIP,)),
        built_with("go@1.22.1", commit="abcdef0", artifacts=(ZIP,)),
        built_with("go@1.22.0", commit="abcdef0", artifacts=(IMAGE,)),
        built_with("go@1.22.0", commit="abcdef0", artifacts=(ZIP, IMAGE)),
        built_with("go@1.22.0", commit="abcdef0"),
        VersionPut(commit="abcdef0", artifacts=(ZIP,)),
        VersionPut(
            commit="abcdef0",
            artifacts=(ZIP,),
            toolchain=ToolchainInput(lock=lock("go@1.22.0"), dotfile="go=1.22.0\n"),
        ),
    ],
    ids=["commit", "lock", "artifact", "one more artifact", "no artifact", "no lock", "dotfile"],
)
def test_other_content_under_the_same_tag_is_refused_with_the_differences_and_both_digests(tmp_path, other):
    async def scenario(versions, database):
        push = built_with("go@1.22.0", commit="abcdef0", artifacts=(ZIP,))
        have = (await versions.upsert(call(), "shop", "1.0", push)).value
        version = (await versions.upsert(call(), "blog", "1.0", other)).value
        for attempt in (
            versions.upsert(call(), "shop", "1.0", other),
            versions.replace(call(), have.id, other),
        ):
            with pytest.raises(VersionContentMismatch) as caught:
                await attempt
            differences = caught.value.members.pop("differences")
            assert caught.value.members == {
                "existing_digest": have.digest,
                "submitted_digest": version.digest,
            }
            assert caught.value.slug == "version-content-mismatch"
            assert all(item["existing"] != item["submitted"] for item in differences)
            assert (
                f"({differences[0]['field']} is {differences[0]['existing'] or 'none'}, "
                in caught.value.detail
            )
        assert await versions.get(call(), have.id) == have
        assert len(await emitted_events(database, "version")) == 2

    run(tmp_path, scenario)


def test_metadata_of_a_version_may_change_but_not_its_build(tmp_path):
    async def scenario(versions, database):
        push = built_with("go@1.22.0", artifacts=(ZIP,))
        first = (await versions.upsert(call(), "shop", "1.0", push)).value
        updated = await versions.update(call(), first.id, VersionPatch(changelog="faster"))
        assert (updated.changelog, updated.ref, updated.rev) == ("faster", "", 2)
        request = built_with("go@1.22.0", artifacts=(ZIP,), ref="refs/tags/1.0", build=Build(run_id="9"))
        replaced = await versions.replace(call(), first.id, request)
        assert (replaced.changelog, replaced.ref, replaced.build, replaced.rev) == (
            "",
            "refs/tags/1.0",
            Build(run_id="9"),
            3,
        )
        assert await versions.replace(call(), first.id, request) == replaced
        assert await versions.update(call(), first.id, VersionPatch()) == replaced
        assert await versions.get(call(), first.id) == replaced
        events = await emitted_events(database, "version")
        assert [event.type for event in events] == ["VersionCreated", "VersionUpdated", "VersionUpdated"]
        assert replaced.digest == first.digest

    run(tmp_path, scenario)


def test_an_event_contains_the_version_with_its_toolchain(tmp_path):
    async def scenario(versions, database):
        request = built_with("go@1.22.0", commit="abcdef0", artifacts=(ZIP,), changelog="c", ref="r")
        version = (await versions.create(call(), "shop", "1.0", request)).value
        (event,) = await emitted_events(database, "version")
        assert (event.type, event.subject, event.actor) == (
            "VersionCreated",
            f"app/1/version/{version.id}",
            "user:ada",
        )
        assert event.data == {
            "version_id": version.id,
            "app_id": 1,
            "app": "shop",
            "tag": "1.0",
            "changelog": "c",
            "commit": "abcdef0",
            "ref": "r",
            "artifacts": [{"name": ZIP.name, "digest": ZIP.digest, "type": "", "url": ZIP.url}],
            "build": json.loads(json.dumps(event.data["build"])),
            "toolchain": {
                "lock_digest": digest_of(lock("go@1.22.0")),
                "tools": [{"tool": "go", "version": "1.22.0"}],
            },
            "created_at": version.created_at,
            "updated_at": version.updated_at,
        }
        assert event.data["build"]["dirty"] is False

    run(tmp_path, scenario)


def test_a_lock_is_returned_byte_for_byte_and_stored_once(tmp_path):
    async def scenario(versions, database):
        text = lock("go@1.22.0") + "\n\n"
        submission = VersionPut(toolchain=ToolchainInput(lock=text, dotfile="go = 1.22\n"))
        first = (await versions.create(call(), "shop", "1.0", submission)).value
        second = (await versions.create(call(), "blog", "1.0", submission)).value
        expected = LockFile(digest=digest_of(text), lock=text, dotfile="go = 1.22\n")
        assert await versions.lock(call(), first.id) == await versions.lock(call(), second.id) == expected
        assert await rows(database, "toolchain") == await rows(database, "toolchain_tool") == 1
        await versions.delete(call(), first.id)
        assert await versions.lock(call(), second.id) == expected
        await versions.delete(call(), second.id)
        assert await rows(database, "toolchain") == await rows(database, "toolchain_tool") == 0

    run(tmp_path, scenario)


def test_a_stored_lock_is_not_parsed_again(tmp_path, monkeypatch):
    async def scenario(versions, _):
        first = (await versions.create(call(), "shop", "1.0", built_with("go@1.22.0"))).value
        monkeypatch.setattr(version_service.lock_parser, "read", None)
        second = (await versions.create(call(), "shop", "1.1", built_with("go@1.22.0"))).value
        assert second.toolchain == first.toolchain

    run(tmp_path, scenario)


def test_the_lock_of_a_version_without_one_is_not_found(tmp_path):
    async def scenario(versions, _):
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        assert (version.toolchain.lock_digest, version.toolchain.tools) == (None, ())
        with pytest.raises(NotFound, match=r"shop@1\.0 has no lock file"):
            await versions.lock(call(), version.id)

    run(tmp_path, scenario)


def test_an_invalid_lock_stores_nothing(tmp_path):
    async def scenario(versions, database):
        for request, problem in (
            (ToolchainInput(lock="{"), InvalidLock),
            (ToolchainInput(lock=lock("go@1.22.0"), lock_digest=f"sha256:{'0' * 64}"), LockDigestMismatch),
        ):
            with pytest.raises(problem):
                await versions.upsert(call(), "shop", "1.0", VersionPut(toolchain=request))
        assert await rows(database, "version") == await rows(database, "toolchain") == 0
        large = lock(*(f"tool{n}@1.0.{n}" for n in range(1_000)))
        assert len(large) > version_service.LARGE_LOCK_CHARS
        request = VersionPut(toolchain=ToolchainInput(lock=large, lock_digest=digest_of(large)))
        assert len((await versions.upsert(call(), "shop", "1.0", request)).value.toolchain.tools) == 1_000

    run(tmp_path, scenario)


def test_a_deployed_version_cannot_be_deleted(tmp_path):
    async def scenario(versions, database):
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        with pytest.raises(VersionInUse, match="2 environment"):
            await versions.delete(call(), version.id)
        assert await versions.get(call(), version.id) == version
        assert len(await emitted_events(database, "version")) == 1

    run(tmp_path, scenario, deployments=FakeDeployments(2))


def test_a_deletion_hold_precedes_the_deletion_of_a_version_and_is_cancelled_on_failure(tmp_path):
    deployments = FakeDeployments()

    async def scenario(versions, _):
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        with pytest.raises(PreconditionFailed):
            await versions.delete(call(if_match="1.2"), version.id)
        assert deployments.left == {}
        results = await asyncio.gather(
            *(versions.delete(call(), version.id) for _ in range(3)), return_exceptions=True
        )
        assert [type(result) for result in results].count(NotFound) == 2
        assert list(deployments.left.values()) == [(None, version.id)]

    run(tmp_path, scenario, deployments=deployments)


def test_the_id_of_a_deleted_version_is_never_reused(tmp_path):
    async def scenario(versions, database):
        first = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        await versions.delete(call(), first.id)
        second = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        assert second.id > first.id
        types = [event.type for event in await emitted_events(database, "version")]
        assert types == ["VersionCreated", "VersionDeleted", "VersionCreated"]

    run(tmp_path, scenario)


def test_an_update_with_a_stale_etag_is_rejected(tmp_path):
    async def scenario(versions, _):
        version = (await versions.create(call(), "shop", "1.0", VersionPut())).value
        caller = call(if_match="1.1")
        results = await asyncio.gather(
            *(versions.update(caller, version.id, VersionPatch(changelog=f"by {n}")) for n in range(8)),
            return_exceptions=True,
        )
        assert sum(not isinstance(result, Exception) for result in results) == 1
        assert sum(isinstance(result, PreconditionFailed) for result in results) == 7
        for attempt in (
            versions.delete(caller, version.id),
            versions.replace(caller, version.id, VersionPut()),
            versions.upsert(caller, "shop", "1.0", VersionPut()),
            versions.upsert(caller, "shop", "2.0", VersionPut()),
        ):
            with pytest.raises(PreconditionFailed):
                await attempt

    run(tmp_path, scenario)


def test_requests_with_one_idempotency_key_create_one_version(tmp_path):
    async def scenario(versions, database):
        request = built_with("go@1.22.0")
        results = [await versions.create(call(key="k"), "shop", "1.0", request) for _ in range(3)]
        assert [result.replayed for result in results] == [False, True, True]
        assert results[0].value == results[2].value
        assert len(await emitted_events(database, "version")) == 1
        with pytest.raises(IdempotencyKeyReused):
            await versions.create(call(key="k", fingerprint="g"), "shop", "1.1", request)

    run(tmp_path, scenario)


def test_a_credential_for_one_app_cannot_read_or_change_others(tmp_path):
    async def scenario(versions, _):
        for app in ("shop", "blog"):
            await versions.create(call(), app, "1.0", built_with("go@1.22.0"))
        limited_caller = call(apps={1})
        assert [v.app for v in (await versions.list(limited_caller, PageRequest())).items] == ["shop"]
        assert (await versions.list(limited_caller, PageRequest(filters={"app_id": 2}))).items == []
        blog = (await versions.find(call(), "blog", "1.0")).id
        for attempt in (
            versions.get(limited_caller, blog),
            versions.find(limited_caller, "blog", "1.0"),
            versions.lock(limited_caller, blog),
            versions.create(limited_caller, "blog", "1.1", VersionPut()),
            versions.upsert(limited_caller, "2", "1.1", VersionPut()),
            versions.list(limited_caller, PageRequest(filters={"app": "blog"})),
            versions.replace(limited_caller, blog, VersionPut()),
            versions.update(limited_caller, blog, VersionPatch(ref="x")),
            versions.delete(limited_caller, blog),
        ):
            with pytest.raises(NotFound, match=r"^(app|version) [^ ]+ not found$"):
                await attempt
        assert (await versions.list(call(apps=()), PageRequest())).items == []

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["2.0", "1.1", "1.0"]),
        ({"app": "shop"}, ["1.1", "1.0"]),
        ({"app": "2"}, ["2.0"]),
        ({"app_id": 1}, ["1.1", "1.0"]),
        ({"app": "shop", "app_id": 2}, []),
        ({"tag": "1.1"}, ["1.1"]),
        ({"commit": "abcdef0"}, ["2.0", "1.0"]),
        ({"lock_digest": digest_of(lock("go@1.22.0"))}, ["1.1"]),
    ],
)
def test_versions_are_listed_newest_first_and_filtered(tmp_path, filters, expected):
    async def scenario(versions, _):
        await versions.create(call(), "shop", "1.0", VersionPut(commit="abcdef0"))
        await versions.create(call(), "shop", "1.1", built_with("go@1.22.0"))
        await versions.create(call(), "blog", "2.0", VersionPut(commit="abcdef0"))
        items, cursor = [], None
        while True:
            page = await versions.list(call(), PageRequest(limit=1, cursor=cursor, filters=filters))
            items += page.items
            cursor = page.next
            if cursor is None:
                break
        assert [version.tag for version in items] == expected
        for version in items:
            assert version == await versions.get(call(), version.id)

    run(tmp_path, scenario)


def test_an_invalid_range_is_quoted(tmp_path):
    async def scenario(versions, _):
        with pytest.raises(InvalidFields) as caught:
            await versions.usage(call(), "go", "<1.22 ~=3", None, PageRequest())
        ((pointer, detail),) = caught.value.errors
        assert pointer == "?range"
        assert "'~=3'" in detail

    run(tmp_path, scenario)


def test_differences_have_no_values_for_a_caller_that_cannot_read_versions(tmp_path):
    async def scenario(versions, _):
        await versions.upsert(call(), "shop", "1.0", built_with("go@1.22.0", commit="abcdef0"))
        writer = msgspec.structs.replace(call().principal, scopes=frozenset({"versions:write"}))
        with pytest.raises(VersionContentMismatch) as caught:
            await versions.upsert(
                msgspec.structs.replace(call(), principal=writer),
                "shop",
                "1.0",
                built_with("go@1.22.0", commit="abcdef1"),
            )
        assert caught.value.members["differences"] == [{"field": "commit"}]
        assert "abcdef" not in caught.value.detail

    run(tmp_path, scenario)


def test_a_tag_in_use_is_refused_with_the_differences(tmp_path):
    async def scenario(versions, _):
        push = built_with("go@1.22.0", commit="abcdef0")
        await versions.create(call(), "shop", "1.0", push)
        with pytest.raises(AlreadyExists, match="already exists with this content") as caught:
            await versions.create(call(), "shop", "1.0", push)
        assert "differences" not in caught.value.members
        other = built_with("go@1.22.0", commit="abcdef1")
        with pytest.raises(AlreadyExists, match="commit is abcdef0, submitted abcdef1") as caught:
            await versions.create(call(), "shop", "1.0", other)
        assert caught.value.members["differences"] == [
            {"field": "commit", "existing": "abcdef0", "submitted": "abcdef1"}
        ]

    run(tmp_path, scenario)
