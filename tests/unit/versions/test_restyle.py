"""Requests for another version in the style of an existing one."""

from __future__ import annotations

import pytest

from envmgr import versions
from envmgr.versions.restyle import newest_spec, restyle

STYLES = [
    ("^20.1", "22.3.0", "^22.3"),
    ("^20", "22.3.0", "^22"),
    ("^20.1.2", "22.3.0", "^22.3.0"),
    ("^ 20.1", "22.3.0", "^ 22.3"),
    ("^1.2.3-rc.1", "2.0.0", "^2.0.0"),
    ("~0.15", "0.17.2", "~0.17"),
    ("~>1.2", "3.4.5", "~>3.4"),
    ("20", "22.3.1", "22"),
    ("20.1", "22.3.1", "22.3"),
    ("=1.22", "1.24.1", "=1.24"),
    ("20.x", "22.1.0", "22.x"),
    ("20.1.*", "22.3.1", "22.3.*"),
    ("20.x.x", "22.3.1", "22.x.x"),
    ("20.1.0", "22.3.1", "22.3.1"),
    ("=1.2.3", "2.0.0", "=2.0.0"),
    ("==1.22", "1.24.1", "==1.24.1"),
    ("v20", "v22.1.0", "v22"),
    ("=v20.1.0", "22.1.0", "=v22.1.0"),
    ("24.04", "26.04.2", "26.04"),
    ("2024-01-05", "2026-02-07", "2026-02-07"),
    ("temurin-21", "temurin-25.0.1+8", "temurin-25"),
    ("temurin-21.0.1+12", "temurin-25.0.1+8", "temurin-25.0.1+8"),
    ("go1.22", "go1.24.1", "go1.24"),
    ("1.1.1w", "3.4.0", "3.4.0"),
    ("3.4a", "3.5b", "3.5b"),
    ("latest:20", "22.1.0", "latest:22"),
    ("prefix:20.1", "22.1.0", "prefix:22.1"),
    ("tag:v1.2.3", "2.0.0", "tag:v2.0.0"),
]


@pytest.mark.parametrize(("spec", "version", "expected"), STYLES)
def test_a_request_keeps_its_style(spec, version, expected):
    assert restyle(spec, version) == expected


@pytest.mark.parametrize(
    ("spec", "version", "expected"), [("3.13t", "3.14.0t", "3.14t"), ("3.13.1t", "3.14.0t", "3.14.0t")]
)
def test_a_variant_stays(spec, version, expected):
    assert restyle(spec, version, ("t",)) == expected


@pytest.mark.parametrize(
    ("spec", "version", "expected"),
    [
        ("20.1.0", "25", "==25"),
        ("20.1.0", "1.1.1x", "==1.1.1x"),
        ("^20.1.2", "25", "^25"),
        ("20.1.x", "25", "25.x"),
        ("^1.0.0-rc.1", "2.0.0-rc.3", "^2.0.0-rc.3"),
    ],
)
def test_a_style_that_cannot_select_the_version_gives_way(spec, version, expected):
    assert restyle(spec, version) == expected


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        ("^20.1", "20.9.0"),
        (">=18", "22.0.0"),
        ("*", "22.0.0"),
        ("latest", "22.0.0"),
        ("temurin", "temurin-25"),
        ("21.0.1", "21.0.1+12"),
        ("==1.22", "1.22.0"),
        ("18 || >=20", "22.0.0"),
    ],
)
def test_a_request_that_selects_the_version_is_unchanged(spec, version):
    assert restyle(spec, version) == spec


def test_an_exact_request_names_the_version_even_if_its_prefix_matches():
    assert restyle("1.2.3", "1.2.3.4") == "1.2.3.4"


@pytest.mark.parametrize(
    "spec",
    [
        "lts",
        "lts/iron",
        ">=18 <21",
        "18 - 20",
        "18 || 20",
        "<21",
        "<=20",
        "system",
        "path:x",
        "ref:main",
        "nightly",
        "temurin-21",
        "1.2.3.4.x y",
    ],
)
def test_a_request_without_a_version_to_replace_has_no_other_form(spec):
    assert restyle(spec, "22.0.0") is None


@pytest.mark.parametrize(
    ("version", "spec"),
    [
        ("22.3.0", "latest"),
        ("nightly", "latest"),
        ("temurin-25.0.1+8", ">=temurin-0"),
        ("go1.24.1", ">=go-0"),
        ("3.14.0t", ">=0t"),
    ],
)
def test_the_newest_version_is_of_the_same_vendor_and_variant(version, spec):
    assert newest_spec(version, ("t",)) == spec
    pool = ["3.14.0", "3.14.0t", "22.3.0", "temurin-25.0.1+8", "zulu-26", "go1.24.1"]
    if version in pool:
        assert version in versions.select(pool, spec, variants=("t",), default_vendor="").candidates
