from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest
from msgspec import UNSET

from envmgr.server.contracts.requests import VersionPut
from envmgr.server.contracts.resources import UsageCounts
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import InvalidFields, NotFound
from envmgr.server.kit.db.sqlite import DIALECT
from envmgr.server.version import module as version_module
from envmgr.server.version.store import placements
from support.services.database_runners import sqlite_database
from support.services.service_fixtures import call
from support.services.version_fixtures import built_with, deliver, deployment_event, versions_of

APPS = ("shop", "blog", "docs", "pay")


def run(directory, scenario):
    """Run a scenario with shop, blog, docs and pay deployed to dev and prod."""

    async def main():
        async with versions_of(directory, *APPS) as (versions, _, module):
            await _deploy(versions, module)
            return await scenario(versions)

    return asyncio.run(main())


async def _deploy(versions, module):
    built = {
        "shop": [built_with("nodejs@20.11.0", "go@1.22.0"), built_with("nodejs@20.11.1-rc.1")],
        "blog": [
            built_with("nodejs@20.11.1"),
            built_with("nodejs@18.2.0", "nodejs@22.1.0", "nodejs@lts-branch"),
        ],
        "docs": [VersionPut(), built_with("go@1.21.0")],
        "pay": [built_with("nodejs@master", "npm:@scope/name@1.0.0"), VersionPut()],
    }
    sequence = 0
    for app_id, (app, pushes) in enumerate(built.items(), 1):
        for environment, push in zip(("dev", "prod"), pushes, strict=True):
            sequence += 1
            version = (await versions.create(call(), app, f"for-{environment}", push)).value
            await deliver(module, deployment_event(sequence, app_id, app, environment, version))
    # Only current versions count, not those that were only built.
    await versions.create(call(), "shop", "unused", built_with("nodejs@1.0.0"))


def brief(uses):
    return [(use.tool_version, use.environment, use.app) for use in uses]


def test_usage_lists_affected_unaffected_and_undecidable_versions(tmp_path):
    async def scenario(versions):
        usage = await versions.usage(call(), "nodejs", "<20.11.1", None, PageRequest())
        assert brief(usage.matches) == [
            ("18.2.0", "prod", "blog"),
            ("20.11.0", "dev", "shop"),
            ("20.11.1-rc.1", "prod", "shop"),
        ]
        assert brief(usage.unknown) == [("lts-branch", "prod", "blog"), ("master", "dev", "pay")]
        assert brief(usage.without_lock) == [(None, "dev", "docs"), (None, "prod", "pay")]
        assert usage.counts == UsageCounts(matches=3, unknown=2, without_lock=2)
        assert (usage.tool, usage.range, usage.next) == ("nodejs", "<20.11.1", UNSET)

    run(tmp_path, scenario)


def test_a_usage_names_the_version_and_its_placement(tmp_path):
    async def scenario(versions):
        usage = await versions.usage(call(), "npm:@scope/name", "1", None, PageRequest())
        (use,) = usage.matches
        version = await versions.find(call(), "pay", "for-dev")
        assert (use.app_id, use.app, use.environment, use.version_id, use.tag) == (
            4,
            "pay",
            "dev",
            version.id,
            "for-dev",
        )

    run(tmp_path, scenario)


def test_each_matching_version_of_one_lock_is_listed(tmp_path):
    async def scenario(versions):
        usage = await versions.usage(call(), "nodejs", "18 || 22", None, PageRequest())
        assert brief(usage.matches) == [("18.2.0", "prod", "blog"), ("22.1.0", "prod", "blog")]
        assert usage.counts.matches == 2

    run(tmp_path, scenario)


def test_usage_can_be_limited_to_one_environment(tmp_path):
    async def scenario(versions):
        usage = await versions.usage(call(), "nodejs", "<20.11.1", "dev", PageRequest())
        assert brief(usage.matches) == [("20.11.0", "dev", "shop")]
        assert usage.counts == UsageCounts(matches=1, unknown=1, without_lock=1)

    run(tmp_path, scenario)


def test_usage_in_an_unknown_environment_is_not_found(tmp_path):
    async def scenario(versions):
        with pytest.raises(NotFound, match="moon"):
            await versions.usage(call(), "nodejs", "*", "moon", PageRequest())

    run(tmp_path, scenario)


def test_an_unused_tool_affects_only_versions_without_a_lock(tmp_path):
    async def scenario(versions):
        usage = await versions.usage(call(), "zig", "*", None, PageRequest())
        assert usage.counts == UsageCounts(matches=0, unknown=0, without_lock=2)

    run(tmp_path, scenario)


@pytest.mark.parametrize("apps", [(), ("shop",), ("blog", "pay"), ("nope",)])
@pytest.mark.parametrize("environment", [None, "prod"])
def test_a_credential_for_some_apps_reads_usage_of_these_only(tmp_path, apps, environment):
    async def scenario(versions):
        full_usage = await versions.usage(call(), "nodejs", "<20.11.1", environment, PageRequest())
        ids = {APPS.index(name) + 1 if name in APPS else 99 for name in apps}
        limited_caller = await versions.usage(
            call(apps=ids), "nodejs", "<20.11.1", environment, PageRequest()
        )
        for name in ("matches", "unknown", "without_lock"):
            expected = tuple(use for use in getattr(full_usage, name) if use.app in apps)
            assert getattr(limited_caller, name) == expected
            assert getattr(limited_caller.counts, name) == len(expected)

    run(tmp_path, scenario)


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("spec", ["*", "<20.11.1", "20"])
def test_pages_list_every_use_once_with_the_total(tmp_path, limit, spec):
    async def scenario(versions):
        full_usage = await versions.usage(call(), "nodejs", spec, None, PageRequest())
        listed_items = {"matches": [], "unknown": [], "without_lock": []}
        cursor = None
        while True:
            page = await versions.usage(call(), "nodejs", spec, None, PageRequest(limit=limit, cursor=cursor))
            assert page.counts == full_usage.counts
            for name, uses in listed_items.items():
                assert len(getattr(page, name)) <= limit
                uses.extend(getattr(page, name))
            if page.next is UNSET:
                break
            cursor = page.next
        assert {name: tuple(uses) for name, uses in listed_items.items()} == {
            name: getattr(full_usage, name) for name in listed_items
        }

    run(tmp_path, scenario)


@pytest.mark.parametrize("shape", [(False, None), (True, None), (False, 2), (True, 2)])
def test_usage_is_read_from_indexes_without_sorting(tmp_path, shape):
    statements = (
        placements._counting,
        placements._counting_without_lock,
        placements._listing,
        placements._listing_without_lock,
    )
    names = (
        "tool",
        "tool_version",
        "environment",
        "app_0",
        "app_1",
        "after_environment",
        "after_app",
        "limit",
    )
    asyncio.run(sqlite_database(tmp_path, version_module).close())
    with closing(sqlite3.connect(tmp_path / "version.db")) as connection:
        for statement in statements:
            text, fixed, _ = statement(shape).compile(DIALECT)
            plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", {**dict.fromkeys(names, 1), **fixed})
            steps = [step for *_, step in plan]
            assert not [step for step in steps if "SCAN" in step], steps
            assert shape[1] or not [step for step in steps if "TEMP B-TREE" in step], steps


@pytest.mark.parametrize(
    ("tool", "spec", "environment"), [("go", "*", None), ("nodejs", "20", None), ("nodejs", "*", "prod")]
)
def test_a_cursor_is_valid_for_its_own_query_only(tmp_path, tool, spec, environment):
    async def scenario(versions):
        cursor = (await versions.usage(call(), "nodejs", "*", None, PageRequest(limit=1))).next
        for wrong in (cursor, "x", "é", "WzFd", "W10"):
            with pytest.raises(InvalidFields) as caught:
                await versions.usage(call(), tool, spec, environment, PageRequest(cursor=wrong))
            assert caught.value.errors[0][0] == "?cursor"

    run(tmp_path, scenario)
