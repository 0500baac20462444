"""Delays between retries: growth, Retry-After, and their limit."""

from __future__ import annotations

import pytest

from envmgr.kit.errors import NetworkError, Unreachable
from envmgr.kit.http import retry
from support.client_fakes import FakeClock


def policy(retries, clock, notes=None):
    return retry.RetryPolicy(retries, clock.clock, (notes if notes is not None else []).append)


def test_delays_double_and_half_of_each_is_random():
    assert [retry.backoff_delay(failed, None, 1.0) for failed in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert [retry.backoff_delay(failed, None, 0.0) for failed in range(4)] == [0.25, 0.5, 1.0, 2.0]
    assert retry.backoff_delay(1000, None, 1.0) == retry.MAX_DELAY_SECONDS


def test_delays_are_at_least_retry_after():
    assert retry.backoff_delay(0, 20.0, 1.0) == 20.0
    assert retry.backoff_delay(3, 0.0, 1.0) == 4.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("9" * 400, 999_999_999.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("Tue, 99 Nov 2023 22:13:10 GMT", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert retry.retry_after(text, now=1_700_000_000.0) == seconds


def test_a_permanent_error_is_raised_at_once():
    clock, error = FakeClock(), NetworkError("no")
    with pytest.raises(NetworkError) as caught:
        policy(4, clock).wait_or_raise(error)
    assert caught.value is error
    assert clock.slept == []


def test_a_transient_error_is_raised_after_the_last_retry():
    clock, notes = FakeClock(), []
    waiting = policy(2, clock, notes)
    waiting.wait_or_raise(NetworkError("no", passing=True))
    waiting.wait_or_raise(NetworkError("no", passing=True))
    with pytest.raises(NetworkError, match=r"no \(after 3 attempts\)"):
        waiting.wait_or_raise(NetworkError("no", passing=True))
    assert clock.slept == [0.5, 1.0]
    assert notes[0] == "no; retrying in 0.5 s (attempt 2 of 3)"


def test_a_reset_policy_counts_from_zero():
    clock = FakeClock()
    waiting = policy(1, clock)
    for _ in range(5):
        waiting.wait_or_raise(NetworkError("no", passing=True))
        waiting.reset()
    assert clock.slept == [0.5] * 5


def test_a_server_that_was_never_reached_is_not_retried():
    clock = FakeClock()
    with pytest.raises(Unreachable):
        policy(4, clock).wait_or_raise(Unreachable("refused"))
    assert clock.slept == []


def test_a_server_that_restarts_is_retried():
    clock = FakeClock()
    waiting = policy(4, clock)
    waiting.wait_or_raise(NetworkError("lost", passing=True))
    waiting.wait_or_raise(Unreachable("refused"))
    assert len(clock.slept) == 2


def test_a_server_that_restarts_after_progress_is_retried():
    clock = FakeClock()
    waiting = policy(4, clock)
    waiting.reset()
    waiting.wait_or_raise(Unreachable("refused"))
    assert len(clock.slept) == 1
