"""The limit on requests of a principal: counted per minute, and by all processes together."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import select

from envmgr.server.gateway import module as gateway_module
from envmgr.server.gateway.auth.request_quota import RequestQuota
from envmgr.server.gateway.store.tables import request_count
from envmgr.server.kit.common.context import Principal
from envmgr.server.kit.common.problems import ServiceUnavailable, TooManyRequests
from envmgr.server.kit.db.sql import Statement
from support.services.service_fixtures import opened

LIMIT, START_MS = 5, 100 * 60_000


class Clock:
    """A clock in milliseconds."""

    def __init__(self):
        self.now = START_MS

    def __call__(self):
        return self.now


class UnavailableDatabase:
    """A database that is away."""

    async def write(self, _work):
        raise ServiceUnavailable("away")


def principal(actor="user:ada", credential="session:1"):
    return Principal(actor=actor, role="user", scopes=frozenset(), credential=credential)


def admitted(quota, count, caller=None):
    """Return how many of some requests are admitted."""
    total = 0
    for _ in range(count):
        with suppress(TooManyRequests):
            quota.admit(caller or principal())
            total += 1
    return total


def test_requests_above_the_limit_are_refused_until_the_next_minute():
    clock = Clock()
    quota = RequestQuota(UnavailableDatabase(), LIMIT, clock)
    clock.now += 15_500
    assert admitted(quota, LIMIT + 3) == LIMIT
    with pytest.raises(TooManyRequests, match="more than 5 requests a minute of user:ada") as caught:
        quota.admit(principal())
    assert caught.value.headers["retry-after"] == "45"
    clock.now += 45_000
    assert admitted(quota, LIMIT + 3) == LIMIT


def test_each_principal_has_a_limit_of_its_own():
    quota = RequestQuota(UnavailableDatabase(), LIMIT, Clock())
    assert admitted(quota, 9, principal()) == LIMIT
    assert admitted(quota, 9, principal(credential="session:2")) == 0  # the same user
    assert admitted(quota, 9, principal("key:1", "key:1")) == LIMIT
    assert admitted(quota, 3, principal("oidc:1/job-1", "oidc:1")) == 3
    assert admitted(quota, 9, principal("oidc:1/job-2", "oidc:1")) == LIMIT - 3  # of the same binding


def test_processes_count_together(tmp_path):
    async def scenario():
        clock = Clock()
        async with opened(tmp_path, gateway_module) as database:
            first, second = (RequestQuota(database, LIMIT, clock) for _ in range(2))
            assert admitted(first, 3) == 3
            await first.exchange()
            assert admitted(second, 1) == 1
            await second.exchange()
            assert admitted(second, 9) == 1  # three of the first, and two of its own
            await second.exchange()
            assert admitted(first, 1) == 1  # it has asked before the others came
            await first.exchange()
            assert admitted(first, 1) == 0
            clock.now += 60_000
            assert (admitted(first, 9), admitted(second, 9)) == (LIMIT, LIMIT)
            await first.exchange()
            await second.exchange()
            assert await database.read(counts) == [(101, "user:ada", 2 * LIMIT)]

    asyncio.run(scenario())


def counts(reader):

    columns = request_count.c.minute, request_count.c.principal, request_count.c["count"]
    return [tuple(row) for row in reader.all(Statement(select(*columns)))]


def test_each_process_has_the_limit_while_the_database_is_away():
    async def scenario():
        quota = RequestQuota(UnavailableDatabase(), LIMIT, Clock())
        assert admitted(quota, 3) == 3
        with pytest.raises(ServiceUnavailable):
            await quota.exchange()
        assert admitted(quota, 9) == LIMIT - 3
        await RequestQuota(UnavailableDatabase(), LIMIT).exchange()  # nothing to exchange

    asyncio.run(scenario())
