"""The contract of the port of the audit log, for the local service and over gRPC."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import aclosing

import pytest

from envmgr.server.audit import module
from envmgr.server.audit.event_handlers import subscriptions
from envmgr.server.audit.rpc import rpc_service
from envmgr.server.contracts.remote.audit import RemoteAudit
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import Forbidden, NotFound
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from support.services.audit_fixtures import KEY, event, events
from support.services.remote_ports import TRANSPORTS, Principals, port_over
from support.services.service_fixtures import opened


@pytest.fixture(params=TRANSPORTS)
def run(request, tmp_path, monkeypatch):
    """Run a scenario over a new service: `scenario(audit, principals, service)`."""
    monkeypatch.setattr("envmgr.server.audit.rpc.POLL_SECONDS", 0.2)

    def run_scenario(scenario):
        async def whole():
            principals = Principals()
            async with opened(tmp_path, module) as database:
                service = module.make(database, KEY)
                services = [rpc_service(service)]
                async with port_over(request.param, service, services, RemoteAudit, principals) as port:
                    return await scenario(port, principals, service)

        return asyncio.run(whole())

    return run_scenario


def test_entries_are_read_with_payloads_that_keep_the_chain_whole(run):
    async def scenario(audit, principals, service):
        await service.append(events(5))
        context = principals.context()
        page = await audit.list(context, PageRequest(limit=2), None, None)
        assert [entry.seq for entry in page.items] == [5, 4]
        assert page.next is not None
        entry = await audit.get(context, 3)
        assert entry.payload["labels"] == ["é", None, True, {"deep": [1, 2]}]
        assert isinstance(entry.payload["app_id"], int)
        assert [entry.seq for entry in await audit.newest(context, 2)] == [5, 4]
        times = (await audit.get(context, 2)).timestamp, (await audit.get(context, 4)).timestamp
        assert [entry.seq for entry in (await audit.list(context, PageRequest(), *times)).items] == [3, 2]
        with pytest.raises(NotFound, match="audit entry 9 not found"):
            await audit.get(context, 9)

    run(scenario)


def test_checkpoints_are_signed_and_listed(run):
    async def scenario(audit, principals, service):
        await service.append(events(2))
        context = principals.context()
        first, second = await audit.checkpoint(context), await audit.checkpoint(context)
        assert (first.created, second.created, first.value.seq) == (True, False, 2)
        page = await audit.checkpoints(context, PageRequest())
        assert list(page.items) == [first.value]
        stats = await audit.stats(principals.context("viewer"))
        assert (stats.last_seq, stats.signed_seq, stats.recorded, stats.missing) == (
            2,
            2,
            {"app": 2},
            {"app": 0},
        )
        with pytest.raises(Forbidden, match="only admins"):
            await audit.checkpoint(principals.context("viewer"))

    run(scenario)


def test_dead_letters_are_counted_until_they_are_retried(run):
    async def scenario(audit, principals, service):
        dead_letters = DeadLetters(service._database, module.NAME)
        (log,) = subscriptions(service, dead_letters)
        await log.handle(events(2))
        await log.dead_letter(event(3), ValueError("a bug"), 5)
        context = principals.context("viewer")
        stats = await audit.stats(context)
        assert (stats.last_seq, stats.dead_letters, stats.missing) == (2, 1, {"app": 1})
        await dead_letters.retry(1)
        stats = await audit.stats(context)
        assert (stats.last_seq, stats.dead_letters, stats.missing) == (3, 0, {"app": 0})

    run(scenario)


def test_a_follower_gets_old_and_new_entries_once(run):
    async def scenario(audit, principals, service):
        await service.append(events(3))
        async with aclosing(audit.follow(principals.context(), 1)) as stream, asyncio.timeout(30):
            sequences = [(await anext(stream)).seq for _ in range(2)]
            await service.append(events(5))
            sequences += [(await anext(stream)).seq for _ in range(2)]
        assert sequences == [2, 3, 4, 5]

    run(scenario)


def test_a_follower_without_a_position_gets_new_entries_only(run):
    async def scenario(audit, principals, service):
        await service.append(events(3))
        async with aclosing(audit.follow(principals.context(), None)) as stream, asyncio.timeout(30):
            entry = asyncio.ensure_future(anext(stream))
            # The stream begins with the log as it is when the call arrives.
            for number in itertools.count(4):
                if entry.done():
                    break
                await service.append(events(number))
                await asyncio.sleep(0.01)
            assert (await entry).seq > 3

    run(scenario)


def test_streams_end_at_shutdown(run):
    async def scenario(audit, principals, service):
        await service.append(events(1))
        async with aclosing(audit.follow(principals.context(), 0)) as stream, asyncio.timeout(30):
            assert (await anext(stream)).seq == 1
            service.close_streams()
            assert [entry async for entry in stream] == []

    run(scenario)


def test_a_credential_for_some_apps_reads_nothing(run):
    async def scenario(audit, principals, _service):
        context = principals.context(apps={1})
        with pytest.raises(Forbidden, match="all apps"):
            await audit.list(context, PageRequest(), None, None)
        with pytest.raises(Forbidden, match="all apps"):
            await anext(audit.follow(context, 0))
        with pytest.raises(Forbidden, match="all apps"):
            await audit.stats(context)

    run(scenario)
