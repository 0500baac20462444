"""The order of versions."""

from __future__ import annotations

from itertools import pairwise

import pytest

from envmgr.versions import compare, ordering


@pytest.mark.parametrize(
    "ascending",
    [
        ["1.22rc1", "1.22rc2", "1.22rc10", "1.22", "1.22.1"],
        ["1.2.3", "1.2.3.4", "1.2.4"],
        ["1.0-alpha", "1.0-alpha.1", "1.0-beta", "1.0-RC1", "1.0-rc2", "1.0"],
        ["8.6-milestone-1", "8.6-rc-9", "8.6-rc10", "8.6-rc-11"],
        ["1.1.1", "1.1.1p1", "1.1.1p10", "1.1.1a", "1.1.1z", "1.1.1za", "1.1.1zk", "1.1.2"],
        ["2.43.0", "2.43.0.windows", "2.43.0.windows.1", "2.43.0.windows.2", "2.43.0.windows.10"],
        ["1.0-1", "1.0-2", "1.0-10", "1.0-1a"],
        ["1.0-R2", "1.0-r100", "1.0-r2"],
        ["master", "0.0.0-0", "0.0.0"],
    ],
)
def test_versions_are_sorted_in_this_order(ascending):
    assert [compare(a, b) for a, b in pairwise(ascending)] == [-1] * (len(ascending) - 1)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1.22", "1.22.0.0"),
        ("0", "0.0.0"),
        ("1.0-RC1", "1.0-rc1"),
        ("1.0-rc1", "1.0-rc-1"),
        ("1.0-rc1", "1.0-rc.1"),
        ("1.0-p1", "1.0.post1"),
    ],
)
def test_equivalent_notations_of_a_version_are_equal(a, b):
    assert compare(a, b) == compare(b, a) == 0


@pytest.mark.parametrize(
    ("a", "b"), [("1.0-Foo", "1.0-foo"), ("1.0-rc-", "1.0-rc"), ("1.0-rc--1", "1.0-rc1")]
)
def test_identifiers_without_a_known_word_are_plain_text(a, b):
    assert compare(a, b) != 0


def test_the_cache_of_identifiers_is_bounded(monkeypatch):
    monkeypatch.setattr(ordering, "_REMEMBERED", 2)
    monkeypatch.setattr(ordering, "_ranks", {})
    identifiers = ("alpha", "7", "beta2")

    assert ordering.rank((1,), ordering.NO_POST, identifiers)[2] == tuple(
        rank for identifier in identifiers for rank in ordering.rank((1,), ordering.NO_POST, (identifier,))[2]
    )
    assert len(ordering._ranks) <= 2
