"""The circuit breaker: closed, open, half-open with one probe."""

from __future__ import annotations

import pytest

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.grpc.circuit_breaker import CircuitBreaker


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker("app", threshold=3, open_seconds=10, clock=clock)


def fail(breaker, times):
    for _ in range(times):
        breaker.acquire()
        breaker.fail()


def test_failures_below_the_threshold_keep_it_closed(breaker):
    fail(breaker, 2)
    assert breaker.state == "closed"
    breaker.acquire()
    breaker.succeed()
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_repeated_failures_open_it_and_calls_are_refused_at_once(breaker):
    fail(breaker, 3)
    assert breaker.state == "open"
    with pytest.raises(ServiceUnavailable, match="service app is unreachable") as caught:
        breaker.acquire()
    assert 8 <= int(caught.value.headers["retry-after"]) <= 12


def test_one_probe_is_admitted_after_a_while_and_closes_it(breaker, clock):
    fail(breaker, 3)
    clock.now += 12.1
    assert breaker.state == "half-open"
    breaker.acquire()
    with pytest.raises(ServiceUnavailable):
        breaker.acquire()
    breaker.succeed()
    assert breaker.state == "closed"
    breaker.acquire()


def test_a_failed_probe_opens_it_again(breaker, clock):
    fail(breaker, 3)
    clock.now += 12.1
    fail(breaker, 1)
    assert breaker.state == "open"
    with pytest.raises(ServiceUnavailable):
        breaker.acquire()


def test_a_cancelled_probe_admits_another(breaker, clock):
    fail(breaker, 3)
    clock.now += 12.1
    breaker.acquire()
    breaker.release()
    assert breaker.state == "half-open"
    breaker.acquire()
