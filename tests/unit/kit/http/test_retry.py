"""Delays between retries: growth, Retry-After, and their limit."""

from __future__ import annotations

import pytest

from envmgr.kit.errors import NetworkError, Unreachable
from envmgr.kit.http import retry
from support.client_fakes import FakeClock


def patience(retries, time, notes=None):
    return retry.RetryPolicy(retries, time.clock, (notes if notes is not None else []).append)


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
    time, error = FakeClock(), NetworkError("no")
    with pytest.raises(NetworkError) as caught:
        patience(4, time).wait_or_raise(error)
    assert caught.value is error
    assert time.slept == []


def test_a_transient_error_is_raised_after_the_last_retry():
    time, notes = FakeClock(), []
    waiting = patience(2, time, notes)
    waiting.wait_or_raise(NetworkError("no", passing=True))
    waiting.wait_or_raise(NetworkError("no", passing=True))
    with pytest.raises(NetworkError, match=r"no \(after 3 attempts\)"):
        waiting.wait_or_raise(NetworkError("no", passing=True))
    assert time.slept == [0.5, 1.0]
    assert notes[0] == "no; retrying in 0.5 s (attempt 2 of 3)"


def test_a_reset_policy_counts_from_zero():
    time = FakeClock()
    waiting = patience(1, time)
    for _ in range(5):
        waiting.wait_or_raise(NetworkError("no", passing=True))
        waiting.reset()
    assert time.slept == [0.5] * 5


def test_a_server_that_was_never_reached_is_not_retried():
    time = FakeClock()
    with pytest.raises(Unreachable):
        patience(4, time).wait_or_raise(Unreachable("refused"))
    assert time.slept == []


def test_a_server_that_restarts_is_retried():
    time = FakeClock()
    waiting = patience(4, time)
    waiting.wait_or_raise(NetworkError("lost", passing=True))
    waiting.wait_or_raise(Unreachable("refused"))
    assert len(time.slept) == 2


def test_a_server_that_restarts_after_progress_is_retried():
    time = FakeClock()
    waiting = patience(4, time)
    waiting.reset()
    waiting.wait_or_raise(Unreachable("refused"))
    assert len(time.slept) == 1
