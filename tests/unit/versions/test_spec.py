"""Whole specs: exactness, caching, vendors and variants."""

from __future__ import annotations

import pytest

from envmgr.versions import SpecError, is_exact, parse_spec, split_requests
from envmgr.versions import spec as module


@pytest.mark.parametrize(
    "text",
    ["1.2.3", "1.2.3.4", "=1.2.3", "==1.22", "==21+35", "1.22rc1", "1.1.1w", "=3.4a", "temurin-21.0.2+13"],
)
def test_a_single_version_is_exact(text):
    assert parse_spec(text).exact


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.22",
        "=1.22",
        "==1.x",
        "1.2.x",
        "1.2.3.x",
        "^1.2.3",
        ">=1.2.3",
        "1.2.3 || 1.2.4",
        "1.2.3 1.2.3",
        "1.2.3 - 1.2.3",
    ],
)
def test_anything_wider_is_not_exact(text):
    assert not parse_spec(text).exact


def test_a_spec_is_parsed_once():
    assert parse_spec("^20.1") is parse_spec("^20.1")
    assert parse_spec("3.13t") is not parse_spec("3.13t", ("t",))


def test_the_cache_of_specs_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    monkeypatch.setattr(module, "_cache", {})
    for text in ("1", "2", "3"):
        parse_spec(text)

    assert list(module._cache) == [("3", ())]


def test_duplicate_alternatives_are_merged():
    assert len(parse_spec("||||1||1").alternatives) == 2


def test_a_vendor_applies_to_its_set_only():
    assert [side.vendor for side in parse_spec(">=temurin-17 <21 || zulu-8 || 11").alternatives] == [
        "temurin",
        "zulu",
        "",
    ]


def test_a_variant_applies_to_its_set_only():
    assert [side.variant for side in parse_spec(">=3.13t <3.15 || 3.12", ("t", "d")).alternatives] == [
        "t",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "variants", "problem"),
    [
        (">=temurin-17 <zulu-22", (), "'zulu-22': two vendor values, temurin and zulu"),
        ("3.13t <3.14d", ("t", "d"), "'3.14d': two variant values, t and d"),
    ],
)
def test_two_vendors_or_variants_in_a_set_are_rejected(text, variants, problem):
    with pytest.raises(SpecError, match=problem):
        parse_spec(text, variants)


@pytest.mark.parametrize(
    ("text", "requests"),
    [
        ("3.12", ("3.12",)),
        ("3.12, 3.11", ("3.12", "3.11")),
        (" 3.12 ,3.11,\t3.10 ", ("3.12", "3.11", "3.10")),
        (">=3.11, <3.13", (">=3.11, <3.13",)),
        (">=3.11,<3.13,3.9", (">=3.11, <3.13", "3.9")),
        ("3.9, >=3.11, <3.13", ("3.9, >=3.11, <3.13",)),
        ("1 || 2, lts", ("1 || 2", "lts")),
        (">=1, !=1.5", (">=1, !=1.5",)),
    ],
)
def test_a_comma_separates_requests_unless_an_operator_follows(text, requests):
    assert split_requests(text) == requests


@pytest.mark.parametrize("text", ["", " ", "3.12,", ",3.12", "3.12,,3.11"])
def test_an_empty_request_is_rejected(text):
    with pytest.raises(SpecError, match="empty version"):
        split_requests(text)


@pytest.mark.parametrize(
    ("text", "variants", "result"),
    [
        ("1.2.3", (), True),
        ("3.13.0t", ("t",), True),
        ("1.2", (), False),
        ("^1.2.3", (), False),
        ("latest", (), False),
        ("1.1.1x", (), False),
        ("1..2", (), False),
        ("", (), False),
    ],
)
def test_only_a_full_version_is_exact(text, variants, result):
    assert is_exact(text, variants) is result
