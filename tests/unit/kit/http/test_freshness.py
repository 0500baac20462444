"""The time for which responses may be used without a request."""

from __future__ import annotations

import pytest

from envmgr.kit.http import freshness


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("max-age=600", 600),
        ("public, Max-Age=300, must-revalidate", 300),
        ('max-age="60"', 60),
        ("max-age=600, max-age=60", 60),
        ("private, max-age=60, s-maxage=5", 60),
        ("max-age=31536000, immutable", freshness.MAX_LIFETIME_SECONDS),
        ("max-age=99999999999999999999", 0),
        ("max-age=-1", 0),
        ("max-age=1.5", 0),
        ("max-age", 0),
        ("s-maxage=600", 0),
        ("no-cache, max-age=600", 0),
        ('no-cache="set-cookie", max-age=600', 0),
        ("max-age=600, no-store", 0),
        ("public", 0),
        ("", 0),
    ],
)
def test_the_lifetime_is_that_of_cache_control(cache_control: str, seconds: int) -> None:
    assert freshness.lifetime_seconds({"cache-control": cache_control}) == seconds


def test_a_response_that_varies_by_everything_is_never_fresh() -> None:
    assert freshness.lifetime_seconds({"cache-control": "max-age=60", "vary": "*"}) == 0
    assert freshness.lifetime_seconds({"cache-control": "max-age=60", "vary": "Accept"}) == 60
    assert freshness.lifetime_seconds({}) == 0


def test_the_age_is_that_of_caches_on_the_way() -> None:
    assert freshness.age_seconds({"age": "17"}) == 17
    assert freshness.age_seconds({"age": "soon"}) == 0
    assert freshness.age_seconds({}) == 0
