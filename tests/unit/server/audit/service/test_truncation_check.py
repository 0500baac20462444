"""Truncation is detected without reading the chain; dead letters do not count as truncation."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from envmgr.server.audit import module as audit_module
from envmgr.server.audit.service.truncation_check import TruncationCheck, find_truncations
from envmgr.server.bootstrap.health import audit_gauges
from envmgr.server.contracts.resources import LogStats
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.telemetry.metrics import Metrics
from support.services.audit_fixtures import KEY, event, events
from support.services.service_fixtures import call, opened


class Sent:
    """An outbox with a number of events that the audit reported as consumed."""

    service = "app"

    def __init__(self, number):
        self.number = number

    async def consumed_sequence(self, consumer):
        assert consumer == "audit-log"
        return self.number


def vitals(seq, signed=0, **consumed):
    return log_stats(seq, signed, recorded=consumed)


def log_stats(seq, signed=0, **values):
    defaults = {"missing": {}, "recorded": {}, "accepted": {}, "dead_letters": 0}
    return LogStats(last_seq=seq, signed_seq=signed, **{**defaults, **values})


@pytest.mark.parametrize(
    ("log", "acknowledged", "dead_lettered"),
    [
        (vitals(0), {"app": 0}, {}),
        (vitals(5, 5, app=3, version=2), {"app": 3, "version": 2}, {}),
        (vitals(5, app=5), {"app": 3}, {}),  # taken, and not marked as sent yet
        (vitals(3, app=3), {"app": 5}, {"app": 2}),
    ],
)
def test_an_intact_log_is_accepted(log, acknowledged, dead_lettered):
    assert find_truncations(log, acknowledged, dead_lettered) == []


@pytest.mark.parametrize(
    ("log", "acknowledged", "dead_lettered", "message"),
    [
        (vitals(4, app=3, version=2), {}, {}, "4 entries present, 5 recorded"),
        (vitals(4, 5, app=4), {}, {}, "ends at 4 but signed up to 5"),
        (vitals(3, app=3), {"app": 5}, {"version": 2}, "2 of 5 events from app are missing"),
        (vitals(0), {"app": 5}, {"app": 1}, "4 of 5 events from app are missing"),
    ],
)
def test_a_truncated_log_is_reported(log, acknowledged, dead_lettered, message):
    assert find_truncations(log, acknowledged, dead_lettered) == [message]


def watched(directory, scenario):
    async def main():
        async with opened(directory, audit_module) as database:
            audit = audit_module.make(database, KEY)
            dead_letters = audit_module.module(database, audit)
            return await scenario(audit, dead_letters)

    return asyncio.run(main())


def test_a_dead_letter_is_not_reported_as_truncation(tmp_path):
    async def scenario(audit, module):
        watch = TruncationCheck(audit, module.dead_letters, [Sent(4)])
        (log,) = module.subscriptions
        await log.dead_letter(event(2), ValueError("a bug"), 5)
        await log.handle([event(1), event(3), event(4)])
        assert (await watch.inspect()).truncations == []
        assert await watch.missing_events(await audit.stats(call())) == {"app": 1}
        with pytest.raises(ServiceUnavailable, match="dead letters of the audit log: 1"):
            await watch.status()
        await module.dead_letters.retry(1)
        assert await watch.status() == "4 entries, 0 signed"
        assert await watch.missing_events(await audit.stats(call())) == {"app": 0}

    watched(tmp_path, scenario)


def test_a_log_older_than_the_offsets_of_services_is_rejected(tmp_path):
    async def scenario(audit, module):
        await audit.append(events(3))
        watch = TruncationCheck(audit, module.dead_letters, [Sent(5)])
        with pytest.raises(
            ServiceUnavailable, match="audit log truncated: 2 of 5 events from app are missing"
        ):
            await watch.status()
        await audit.append([event(6)])
        assert (await TruncationCheck(audit, module.dead_letters, [Sent(6)]).inspect()).truncations != []

    watched(tmp_path, scenario)


def test_a_dead_letter_counts_as_missing_at_any_position(tmp_path):
    async def scenario(audit, module):
        watch = TruncationCheck(audit, module.dead_letters, [Sent(3)])
        (log,) = module.subscriptions
        await log.handle([event(1), event(2)])
        await log.dead_letter(event(3), ValueError("a bug"), 5)  # nothing follows it
        assert await watch.missing_events(await audit.stats(call())) == {"app": 1}
        assert (await audit.stats(call())).missing == {"app": 1}

    watched(tmp_path, scenario)


def test_a_dead_letter_that_contradicts_an_entry_counts_as_missing(tmp_path):
    async def scenario(audit, module):
        watch = TruncationCheck(audit, module.dead_letters, [Sent(2)])
        (log,) = module.subscriptions
        await log.handle([event(1), event(2)])
        await log.dead_letter(msgspec.structs.replace(event(2), id="another"), ValueError("contradiction"), 5)
        assert await watch.missing_events(await audit.stats(call())) == {"app": 1}
        with pytest.raises(ServiceUnavailable, match="dead letters"):
            await watch.status()

    watched(tmp_path, scenario)


class CountedStats:
    """An audit log that counts how often its statistics are read."""

    def __init__(self, audit):
        self._audit = audit
        self.reads = 0

    async def stats(self, context):
        self.reads += 1
        return await self._audit.stats(context)


def test_each_probe_reads_the_statistics_once(tmp_path):
    async def scenario(audit, module):
        counted = CountedStats(audit)
        check = TruncationCheck(counted, module.dead_letters, [Sent(0)])
        await check.status()
        assert counted.reads == 1
        await audit_gauges(check, Metrics())
        assert counted.reads == 2

    watched(tmp_path, scenario)


def test_events_that_an_operator_recorded_as_lost_are_not_missing():
    log = log_stats(7, missing={"app": 0}, recorded={"app": 7}, accepted={"app": 3})
    assert find_truncations(log, {"app": 10}, {}) == []
    assert find_truncations(log, {"app": 11}, {}) == ["1 of 11 events from app are missing"]
