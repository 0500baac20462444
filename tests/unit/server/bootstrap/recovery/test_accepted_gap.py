"""Recovery of a restored database whose service went on before anybody noticed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

import pytest

from envmgr.kit.errors import EnvmgrError
from envmgr.server.app import module as app_module
from envmgr.server.audit import module as audit_module
from envmgr.server.audit.service.truncation_check import TruncationCheck
from envmgr.server.audit.store import CONSUMER
from envmgr.server.bootstrap.recovery import accepted_gap as recovery
from envmgr.server.bootstrap.recovery.event_range import EventRange
from envmgr.server.contracts.events import ALL_EVENTS
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging import outbox as outbox_module
from envmgr.server.kit.messaging.bus import InProcessBus
from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.kit.runtime.service_module import ServiceModule
from support.services.audit_fixtures import KEY, event
from support.services.event_recorders import domain_event
from support.services.service_fixtures import call, opened


class Target:
    """A database whose skipped IDs are recorded."""

    def __init__(self):
        self.skipped = []

    def target(self, service):
        assert service == "app"
        return self

    def skip_ids(self, minimum, count):
        self.skipped.append((minimum, count))


def emit(domain, transaction):
    transaction.emit(domain)


def recover(directory, logged, event_count):
    """Accept the gap of an app service with `event_count` events, beside a log of others."""

    async def main():
        async with opened(directory, app_module) as apps, opened(directory, audit_module) as log:
            audit = audit_module.make(log, KEY)
            modules = [
                ServiceModule("app", [], apps, Outbox(apps, "app"), DeadLetters(apps, "app")),
                audit_module.module(log, audit),
            ]
            for number in range(1, event_count + 1):
                await apps.write(partial(emit, domain_event(number)))
            outbox = modules[0].outbox
            emitted = await outbox.pending(100)
            await audit.append([entry(emitted) for entry in logged])
            services = SimpleNamespace(
                modules=modules,
                databases={"app": apps, "audit": log},
                bus=InProcessBus(),
                consumer_lag=ConsumerLag([outbox], [module.dead_letters for module in modules]),
            )
            target = Target()
            result = await recovery.accept_gap(services, target, "app", "operator:ada")
            pending = await outbox.pending(100)
            await audit.append(pending)
            return result, target.skipped, emitted, pending, (await audit.stats(call())).missing

    return asyncio.run(main())


class Killed(BaseException):
    """The process ended: no handler of errors runs."""


class KilledDatabase:
    """A database that refuses a write, which is one of several that count down together."""

    def __init__(self, database, countdown):
        self._database = database
        self._countdown = countdown

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def write(self, unit):
        if next(self._countdown, None) == 0:
            raise Killed
        return await self._database.write(unit)


async def restored_log(apps, audit):
    """Append the first of four events to the log, which had received all; only the last is retained."""
    outbox = Outbox(apps, "app")
    for number in (1, 2, 3):
        await apps.write(partial(emit, domain_event(number)))
    await audit.append((await outbox.pending(1))[:1])
    await outbox.acknowledge(3)
    await apps.write(outbox_module.purge_expired)
    await apps.write(partial(emit, domain_event(4)))
    assert await outbox.latest_sequence() == 4  # numbers it, as the relay does before it publishes
    await outbox.acknowledge(4, {CONSUMER: 4})


async def recover_log(apps, log, countdown):
    """Accept the gap of a restored audit log, and return whether the process was killed at a write."""
    apps, log = KilledDatabase(apps, countdown), KilledDatabase(log, countdown)
    modules = [
        ServiceModule("app", [], apps, Outbox(apps, "app"), DeadLetters(apps, "app")),
        audit_module.module(log, audit_module.make(log, KEY)),
    ]
    services = SimpleNamespace(
        modules=modules,
        databases={"app": apps, "audit": log},
        bus=InProcessBus(),
        consumer_lag=ConsumerLag([modules[0].outbox], [module.dead_letters for module in modules]),
    )
    try:
        await recovery.accept_gap(services, Target(), "audit", "operator:ada")
    except Killed:
        return True
    return False


def recover_killed_log(directory, writes):
    """Recover a log in a process that is killed after some writes, then in another.

    Return whether the first one was killed, and the status of the log.
    """

    async def main():
        async with opened(directory, app_module) as apps, opened(directory, audit_module) as log:
            audit = audit_module.make(log, KEY)
            await restored_log(apps, audit)
            is_killed = await recover_log(apps, log, iter(range(writes, -1, -1)))
            if is_killed:
                with suppress(EnvmgrError):  # the first process may have completed all
                    await recover_log(apps, log, iter(()))
            outbox = Outbox(apps, "app")
            await audit.append(await outbox.pending(100))
            check = TruncationCheck(audit, DeadLetters(log, "audit"), [outbox])
            return is_killed, await check.status()

    return asyncio.run(main())


def test_a_recovery_that_is_killed_at_any_write_records_what_the_log_lacks_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(outbox_module, "RETENTION_MS", -60_000)
    writes = 0
    is_killed = True
    while is_killed:
        directory = tmp_path / str(writes)
        directory.mkdir()
        is_killed, status = recover_killed_log(directory, writes)
        assert "missing" not in status
        assert "recorded as lost 2 from app" in status
        writes += 1
    assert writes > 3


def same(number):
    return lambda emitted: emitted[number - 1]


def other(number):
    return lambda _: event(number)


def test_events_with_numbers_of_others_follow_the_gap(tmp_path):
    logged = [same(1), other(2), other(3), other(4)]
    result, skipped, emitted, pending, missing = recover(tmp_path, logged, event_count=3)
    assert result.skipped.gap == EventRange("app", 2, 4)
    assert [(item.sequence, item.type) for item in pending][-1] == (7, "SequenceGapRecorded")
    assert [(item.sequence, item.id) for item in pending[:-1]] == [(5, emitted[1].id), (6, emitted[2].id)]
    assert skipped == [(4, 1 + recovery.SKIPPED_IDS)]
    assert missing == {"app": 0}
    assert (result.skipped.lost.entries, result.skipped.lost.highest_id) == (3, 4)


def test_events_that_the_log_has_under_other_numbers_are_not_repeated(tmp_path):
    def moved(emitted):
        return event(5, id=emitted[1].id)

    logged = [same(1), other(2), other(3), other(4), moved]
    result, _, _, pending, missing = recover(tmp_path, logged, event_count=2)
    assert result.skipped.gap == EventRange("app", 2, 5)
    assert [item.type for item in pending] == ["SequenceGapRecorded"]
    assert missing == {"app": 0}


def test_pending_events_that_others_lack_are_delivered_to_them(tmp_path):
    result, _, emitted, pending, missing = recover(tmp_path, [same(1), other(4)], event_count=3)
    assert result.skipped.gap == EventRange("app", 4, 4)
    assert [item.type for item in pending] == ["SequenceGapRecorded"]
    assert missing == {"app": 0}
    assert len(emitted) == 3


def test_events_that_the_broker_lost_are_appended_to_the_log_as_far_as_an_outbox_retains_them(
    tmp_path, monkeypatch
):
    async def scenario(apps, log):
        audit, outbox = audit_module.make(log, KEY), Outbox(apps, "app")
        check = TruncationCheck(audit, DeadLetters(log, "audit"), [outbox])
        for number in range(1, 8):
            await apps.write(partial(emit, domain_event(number)))
        emitted = await outbox.pending(100)
        await audit.append([emitted[0], emitted[3], emitted[6]])
        await outbox.acknowledge(3)
        await purge(apps, monkeypatch)
        await outbox.acknowledge(7, {CONSUMER: 7})
        with pytest.raises(ServiceUnavailable, match=r"4 of 7 events from app are missing.*accept-gap audit"):
            await check.status()
        await recover_log(apps, log, iter(()))
        assert (await audit.stats(call())).missing == {"app": 2}
        with pytest.raises(EnvmgrError, match="lacks nothing"):
            await recover_log(apps, log, iter(()))
        await audit.append(await outbox.pending(100))
        assert (await check.status()).endswith("recorded as lost 2 from app")
        with pytest.raises(EnvmgrError, match="lacks nothing"):
            await recover_log(apps, log, iter(()))

    async def main():
        async with opened(tmp_path, app_module) as apps, opened(tmp_path, audit_module) as log:
            await scenario(apps, log)

    asyncio.run(main())


def test_dead_letters_of_the_log_are_not_recorded_as_lost(tmp_path, monkeypatch):
    async def scenario(apps, log):
        audit, outbox = audit_module.make(log, KEY), Outbox(apps, "app")
        for number in range(1, 5):
            await apps.write(partial(emit, domain_event(number)))
        emitted = await outbox.pending(100)
        await audit.append([emitted[0], emitted[3]])
        subscription = DeadLetters(log, "audit").subscription(CONSUMER, [ALL_EVENTS], audit.append)
        await subscription.dead_letter(emitted[1], ValueError("refused"), 5)
        await outbox.acknowledge(4)
        await purge(apps, monkeypatch)
        await outbox.acknowledge(4, {CONSUMER: 4})
        await recover_log(apps, log, iter(()))
        await audit.append(await outbox.pending(100))
        stats = await audit.stats(call())
        assert (stats.accepted, stats.missing, stats.dead_letters) == ({"app": 1}, {"app": 1}, 1)

    async def main():
        async with opened(tmp_path, app_module) as apps, opened(tmp_path, audit_module) as log:
            await scenario(apps, log)

    asyncio.run(main())


async def purge(apps, monkeypatch):
    """Delete the acknowledged events of an outbox."""
    monkeypatch.setattr(outbox_module, "RETENTION_MS", -60_000)
    await apps.write(outbox_module.purge_expired)


def test_a_database_that_lacks_nothing_is_left_alone(tmp_path):
    with pytest.raises(EnvmgrError, match="the database of app lacks nothing"):
        recover(tmp_path, [same(1)], event_count=3)
