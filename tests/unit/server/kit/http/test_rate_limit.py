from __future__ import annotations

from envmgr.server.kit.http import rate_limit
from envmgr.server.kit.http.rate_limit import RateLimiter


class Hands:
    now = 0.0

    def __call__(self):
        return self.now


def test_tokens_are_refilled_up_to_the_burst():
    clock = Hands()
    some = RateLimiter(3, 0.5, clock)
    assert [some.allow("a") for _ in range(5)] == [True, True, True, False, False]
    clock.now += 2
    assert [some.allow("a") for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [some.allow("a") for _ in range(4)] == [True, True, True, False]


def test_each_client_has_its_own_bucket():
    some = RateLimiter(1, 0, Hands())
    assert some.allow("a")
    assert some.allow("b")
    assert not some.allow("a")


def test_the_number_of_buckets_is_bounded(monkeypatch):
    monkeypatch.setattr(rate_limit, "MAX_BUCKETS", 10)
    some = RateLimiter(1, 0, Hands())
    for n in range(100):
        assert some.allow(str(n))
    assert len(some._buckets) == 10
    assert not some.allow("99")
