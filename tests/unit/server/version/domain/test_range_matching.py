from __future__ import annotations

import pytest

from envmgr.server.kit.common.problems import InvalidFields
from envmgr.server.version.domain.range_matching import match, read, sort_versions


@pytest.mark.parametrize(
    ("version", "spec", "verdict"),
    [
        ("20.11.0", "<20.11.1", "matches"),
        ("20.11.1", "<20.11.1", "differs"),
        ("20.11.1-rc.1", "<20.11.1", "matches"),
        ("20.11.1-rc.1", ">=18 <20.11.1", "matches"),
        ("20.11.1-rc.1", ">=20.11.1 <21", "differs"),
        ("20.11.2-rc.1", "<20.11.1", "differs"),
        ("20.11.0-rc.1", "<20.11.1", "matches"),
        ("21.0.0-rc.1", "<21", "matches"),
        ("21.0.0-rc.1", "^20", "differs"),
        ("3.13.0b1", ">=3.13.0-0", "matches"),
        ("1.22rc1", "<1.22", "matches"),
        ("20.19.5", "18 || 20", "matches"),
        ("22.1.0", "18 || 20", "differs"),
        ("1.1.1w", "<1.1.1x", "matches"),
        ("temurin-21.0.2", "<21.0.3", "matches"),
        ("temurin-21.0.2", "<temurin-21.0.3", "matches"),
        ("zulu-21.0.2", "<temurin-21.0.3", "unknown"),
        ("21.0.2", "<temurin-21.0.3", "unknown"),
        ("zulu-17.0.2", "temurin-21 || 17", "matches"),
        ("temurin-21.0.4-ea.1", "<zulu-21.0.4", "unknown"),
        ("master", "<20", "unknown"),
        ("1" * 300, "<20", "unknown"),
        ("^20", "<20", "unknown"),
        ("master", "*", "matches"),
        ("temurin-21.0.2", "*", "matches"),
        ("1.0.0-rc.1", "*", "matches"),
        ("master", "<20 || *", "matches"),
        ("master", "1 || ", "matches"),
    ],
)
def test_a_version_is_inside_outside_or_undecidable_for_a_range(version, spec, verdict):
    assert match(read(spec), version) == verdict


@pytest.mark.parametrize(
    "spec", ["<", "latest", "lts", "~=3", "1 || foo", "a b", "ref:main", "1 | 2", "x" * 2_000]
)
def test_an_invalid_range_is_rejected(spec):
    with pytest.raises(InvalidFields):
        read(spec)


def test_versions_are_sorted_as_versions_deterministically():
    mixed = ["1.10.0", "1.9.0", "1.9", "main", "1.10.0-rc.1", "zulu-1"]
    assert sort_versions(mixed) == sort_versions(reversed(mixed))
    assert sort_versions(mixed) == ["main", "1.9", "1.9.0", "1.10.0-rc.1", "1.10.0", "zulu-1"]
