"""The contract of the port of versions, for the local service and over gRPC."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import UNSET

from envmgr.server.contracts.ports.versions import ToolQuery
from envmgr.server.contracts.problems import InvalidLock, ProjectionBehind, VersionContentMismatch
from envmgr.server.contracts.remote.versions import RemoteVersions
from envmgr.server.contracts.requests import ToolchainInput, VersionPatch, VersionPut
from envmgr.server.contracts.resources import Artifact, Build
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import AlreadyExists, NotFound
from envmgr.server.version import module
from envmgr.server.version.rpc import rpc_service
from support.services.remote_ports import TRANSPORTS, Principals, port_over
from support.services.service_fixtures import emitted_events, opened
from support.services.version_fixtures import (
    FakeDeployments,
    FewApps,
    built_with,
    deliver,
    deployment_event,
    lock,
)

WHOLE = VersionPut(
    changelog="Fixes\n\tall",
    commit="3f2c1ab",
    ref="refs/heads/main",
    artifacts=(Artifact(name="a.tgz", digest=f"sha256:{'a' * 64}", type="tgz", url="https://e.org/a.tgz"),),
    build=Build(ci="github", run_id="7", dirty=True),
    toolchain=ToolchainInput(lock=lock("nodejs@20.1.0"), dotfile="nodejs=^20\n"),
)


@pytest.fixture(params=TRANSPORTS)
def run(request, tmp_path):
    """Run a scenario over a new service with the app shop: `scenario(versions, principals, database)`."""

    def run_scenario(scenario):
        async def whole():
            principals = Principals()
            async with opened(tmp_path, module) as database:
                service = module.make(database, FewApps("shop"))
                services = [rpc_service(service)]
                async with port_over(request.param, service, services, RemoteVersions, principals) as port:
                    return await scenario(port, principals, database)

        return asyncio.run(whole())

    return run_scenario


def test_a_version_is_created_and_read(run):
    async def scenario(versions, principals, database):
        context = principals.context()
        result = await versions.create(context, "shop", "1.0.0", WHOLE)
        version = result.value
        assert (result.created, result.replayed) == (True, False)
        assert (version.id, version.app_id, version.app, version.tag) == (1, 1, "shop", "1.0.0")
        assert (version.changelog, version.artifacts, version.build) == (
            WHOLE.changelog,
            WHOLE.artifacts,
            WHOLE.build,
        )
        (tool,) = version.toolchain.tools
        assert (tool.tool, tool.version, tool.platforms) == ("nodejs", "20.1.0", ("linux-x64",))
        assert await versions.get(context, 1) == await versions.find(context, "shop", "1.0.0") == version
        stored = await versions.lock(context, 1)
        assert (stored.lock, stored.dotfile) == (WHOLE.toolchain.lock, "nodejs=^20\n")
        assert stored.digest == version.toolchain.lock_digest
        assert [event.type for event in await emitted_events(database, "version")] == ["VersionCreated"]

    run(scenario)


def test_a_version_without_a_lock_has_no_toolchain(run):
    async def scenario(versions, principals, _database):
        context = principals.context()
        version = (await versions.create(context, "shop", "1.0.0", VersionPut())).value
        assert (version.toolchain.lock_digest, version.toolchain.tools) == (None, ())
        with pytest.raises(NotFound):
            await versions.lock(context, version.id)

    run(scenario)


def test_an_upsert_returns_the_existing_version_or_both_digests(run):
    async def scenario(versions, principals, _database):
        context = principals.context()
        first = await versions.upsert(context, "shop", "1.0.0", WHOLE)
        second = await versions.upsert(context, "shop", "1.0.0", WHOLE)
        assert (first.created, second.created) == (True, False)
        assert second.value == first.value
        with pytest.raises(VersionContentMismatch) as caught:
            await versions.upsert(context, "shop", "1.0.0", VersionPut(commit="abcdef0"))
        assert caught.value.members["existing_digest"] == first.value.digest
        assert caught.value.members["submitted_digest"] != first.value.digest
        with pytest.raises(AlreadyExists):
            await versions.create(context, "shop", "1.0.0", WHOLE)

    run(scenario)


def test_a_lock_of_five_mebibytes_is_registered_and_returned(run):
    async def scenario(versions, principals, _database):
        text = lock("nodejs@20.1.0")
        text += " " * (5 * 2**20 - len(text))
        context = principals.context()
        put = VersionPut(toolchain=ToolchainInput(lock=text))
        version = (await versions.create(context, "shop", "1.0.0", put)).value
        assert (await versions.lock(context, version.id)).lock == text

    run(scenario)


def test_an_invalid_lock_is_refused(run):
    async def scenario(versions, principals, _database):
        put = VersionPut(toolchain=ToolchainInput(lock="{"))
        with pytest.raises(InvalidLock) as caught:
            await versions.create(principals.context(), "shop", "1.0.0", put)
        assert caught.value.status == 422

    run(scenario)


def test_metadata_are_replaced_and_updated(run):
    async def scenario(versions, principals, _database):
        context = principals.context()
        await versions.create(context, "shop", "1.0.0", WHOLE)
        updated = await versions.update(context, 1, VersionPatch(changelog=""))
        assert (updated.changelog, updated.ref) == ("", WHOLE.ref)
        unchanged = await versions.update(context, 1, VersionPatch(changelog=UNSET, ref=UNSET))
        assert (unchanged.changelog, unchanged.ref) == ("", WHOLE.ref)
        replaced = await versions.replace(context, 1, WHOLE)
        assert replaced.changelog == WHOLE.changelog
        with pytest.raises(VersionContentMismatch):
            await versions.replace(context, 1, VersionPut())

    run(scenario)


def test_versions_are_listed_and_deleted(run):
    async def scenario(versions, principals, _database):
        context = principals.context()
        for tag in ("1.0.0", "1.1.0"):
            await versions.create(context, "shop", tag, VersionPut())
        page = await versions.list(context, PageRequest(limit=1, filters={"app_id": 1}))
        second = await versions.list(context, PageRequest(limit=1, filters={"app_id": 1}, cursor=page.next))
        assert [item.tag for item in (*page.items, *second.items)] == ["1.1.0", "1.0.0"]
        assert second.next is None
        await versions.delete(context, 1)
        with pytest.raises(NotFound, match="version 1 not found"):
            await versions.get(context, 1)

    run(scenario)


def test_usage_lists_deployed_versions_and_is_refused_while_events_are_missing(run):
    async def scenario(versions, principals, database):
        context = principals.context()
        version = (await versions.create(context, "shop", "1.0.0", built_with("nodejs@20.1.0"))).value
        parts = module.module(database, versions, FakeDeployments())
        await deliver(parts, deployment_event(1, 1, "shop", "prod", version))
        query = ToolQuery(tool="nodejs", spec="<20.11")
        usage = await versions.usage(context, query, PageRequest(), 1)
        (match,) = usage.matches
        assert (match.environment, match.tag, match.tool_version) == ("prod", "1.0.0", "20.1.0")
        assert (usage.counts.matches, usage.unknown, usage.next) == (1, (), UNSET)
        elsewhere = ToolQuery(tool="nodejs", spec="<20.11", environment="dev")
        assert (await versions.usage(context, elsewhere, PageRequest(), 1)).matches == ()

    run(scenario)


def test_usage_beyond_the_consumed_events_is_unavailable(run, monkeypatch):
    monkeypatch.setattr("envmgr.server.version.service.read_barrier.WAIT_TIMEOUT_SECONDS", 0.01)

    async def scenario(versions, principals, _database):
        query = ToolQuery(tool="nodejs", spec="*")
        with pytest.raises(ProjectionBehind) as caught:
            await versions.usage(principals.context(), query, PageRequest(), 1)
        assert "retry-after" in caught.value.headers

    run(scenario)
