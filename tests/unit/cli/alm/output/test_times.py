from __future__ import annotations

from datetime import UTC, datetime

import pytest

from envmgr.cli.alm.output import times


@pytest.mark.parametrize(
    ("seconds", "formatted"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3_599, "59m"),
        (3_600, "1h"),
        (47 * 3_600 + 3_599, "47h"),
        (48 * 3_600, "2d"),
        (59 * 86_400, "59d"),
        (60 * 86_400, "2mo"),
        (729 * 86_400, "24mo"),
        (730 * 86_400, "2y"),
        (10_000 * 86_400, "27y"),
    ],
)
def test_an_age_is_formatted_in_a_suitable_unit(seconds, formatted):
    assert times.age(seconds) == formatted


def test_a_past_time_is_formatted_as_its_age():
    assert times.since("1970-01-01T00:01:00Z", 180) == "2m"
    assert times.since("1970-01-01T02:01:00+02:00", 180) == "2m"
    assert times.since("1970-01-01T00:01:00.123", 180) == "1m"
    assert times.since("yesterday", 0) == ""


@pytest.mark.parametrize(
    ("seconds", "formatted"),
    [
        (-1, "expired"),
        (0, "expired"),
        (28 * 60, "in 28m"),
        (47 * 3_600, "in 47h"),
        (48 * 3_600, "1970-01-03"),
        (90 * 86_400, "1970-04-01"),
    ],
)
def test_an_approaching_expiry_is_formatted_as_remaining_time(seconds, formatted):
    expiry = datetime.fromtimestamp(1_000 + seconds, UTC).isoformat()
    assert times.end(expiry, 1_000) == formatted


def test_an_invalid_time_has_no_expiry():
    assert times.end("soon", 0) == ""


def test_a_time_is_formatted_as_local_date():
    assert times.when("2026-01-02T03:04:05.678Z") == "2026-01-02 03:04:05Z"
    assert times.when("2026-01-02T03:04:05+02:00") == "2026-01-02 01:04:05Z"
    assert times.when("") == ""
    assert times.when_ms(1_700_000_000_123) == "2023-11-14 22:13:20Z"
    assert times.when_ms(10**30) == str(10**30)
