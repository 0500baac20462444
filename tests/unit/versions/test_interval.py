"""The versions that each operator matches, with pre-releases and without."""

from __future__ import annotations

import pytest

from envmgr.versions import SpecError, parse_spec, satisfies

LADDER = [
    *("1.1", "1.2-rc1", "1.2", "1.2w", "1.2.0.1", "1.2.1", "1.2.9", "1.3-rc1", "1.3", "1.3.0.1", "1.9"),
    *("2.0-rc1", "2.0", "2.0.1", "2.9", "3.0-rc1", "3.0"),
]


def inside(spec, include_prerelease):
    return " ".join(version for version in LADDER if satisfies(version, spec, include_prerelease))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("1.2", "1.2 1.2w 1.2.0.1 1.2.1 1.2.9"),
        ("=1.2", "1.2 1.2w 1.2.0.1 1.2.1 1.2.9"),
        ("1.2.x", "1.2 1.2w 1.2.0.1 1.2.1 1.2.9"),
        ("==1.2.*", "1.2 1.2w 1.2.0.1 1.2.1 1.2.9"),
        ("==1.2", "1.2"),
        ("=1.2.0", "1.2"),
        ("1.2.0", "1.2 1.2w 1.2.0.1"),
        ("1.2w", "1.2w"),
        ("=1.2w", "1.2w"),
        ("1.2-rc1", "1.2-rc1"),
        ("=1.2-rc1", "1.2-rc1"),
        (">1.2", "1.3 1.3.0.1 1.9 2.0 2.0.1 2.9 3.0"),
        (">1.2.0", "1.2w 1.2.0.1 1.2.1 1.2.9 1.3 1.3.0.1 1.9 2.0 2.0.1 2.9 3.0"),
        (">1.2w", "1.2.0.1 1.2.1 1.2.9 1.3 1.3.0.1 1.9 2.0 2.0.1 2.9 3.0"),
        (">=2.0", "2.0 2.0.1 2.9 3.0"),
        ("<1.2", "1.1"),
        ("<1.2w", "1.1 1.2"),
        ("<=1.2", "1.1 1.2 1.2w 1.2.0.1 1.2.1 1.2.9"),
        ("<=1.2.0", "1.1 1.2"),
        ("~1.2", "1.2 1.2w 1.2.0.1 1.2.1 1.2.9"),
        ("~1.2.1", "1.2.1 1.2.9"),
        ("~>1.2.0.1", "1.2.0.1 1.2.1 1.2.9"),
        ("~2", "2.0 2.0.1 2.9"),
        ("^1.2.1", "1.2.1 1.2.9 1.3 1.3.0.1 1.9"),
        ("^1.2-rc1", "1.2-rc1 1.2 1.2w 1.2.0.1 1.2.1 1.2.9 1.3 1.3.0.1 1.9"),
        ("1.2 - 1.3", "1.2 1.2w 1.2.0.1 1.2.1 1.2.9 1.3 1.3.0.1"),
        ("1.3 - 2.0.0", "1.3 1.3.0.1 1.9 2.0"),
        ("* - 1.1", "1.1"),
        ("2.9 - *", "2.9 3.0"),
        ("<*", ""),
        (">x", ""),
        ("^x", " ".join(version for version in LADDER if "-" not in version)),
        (">=1.3-rc1 <1.3.0", "1.3-rc1"),
        (">=1.3-rc1 <1.3", ""),
        ("<=2.0-rc1 >=1.9", "1.9 2.0-rc1"),
        (">=2.0 >=2.0-rc1", "2.0 2.0.1 2.9 3.0"),
    ],
)
def test_an_operator_matches_its_releases(spec, expected):
    assert inside(spec, include_prerelease=False) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("1.2", "1.2-rc1 1.2 1.2w 1.2.0.1 1.2.1 1.2.9"),
        ("1.3.0", "1.3 1.3.0.1"),
        (">1.9", "2.0-rc1 2.0 2.0.1 2.9 3.0-rc1 3.0"),
        (">=2.0", "2.0-rc1 2.0 2.0.1 2.9 3.0-rc1 3.0"),
        (">=2.0.0", "2.0 2.0.1 2.9 3.0-rc1 3.0"),
        ("<1.2.0", "1.1"),
        ("<1.2.1", "1.1 1.2-rc1 1.2 1.2w 1.2.0.1"),
        ("<=1.2.0", "1.1 1.2-rc1 1.2"),
        ("^1.9", "1.9"),
        ("~2.0", "2.0-rc1 2.0 2.0.1"),
        ("1.3.0 - 2.0.0", "1.3-rc1 1.3 1.3.0.1 1.9 2.0-rc1 2.0"),
        ("*", " ".join(LADDER)),
    ],
)
def test_upper_bounds_exclude_their_own_prereleases(spec, expected):
    assert inside(spec, include_prerelease=True) == expected


@pytest.mark.parametrize(
    ("spec", "takes", "leaves"),
    [
        ("^0.2.3", "0.2.9", "0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0", "0.9", "1.0"),
        ("^0.0", "0.0.9", "0.1"),
        ("^0.0.0.0", "0.0.0.0", "0.0.0.1"),
        ("^0.x", "0.9", "1.0"),
    ],
)
def test_caret_fixes_the_leftmost_nonzero_number(spec, takes, leaves):
    assert satisfies(takes, spec)
    assert not satisfies(leaves, spec)


@pytest.mark.parametrize("spec", ["^9007199254740991.0", "~9007199254740991", "~1.9007199254740991"])
def test_a_range_without_a_next_version_is_rejected(spec):
    with pytest.raises(SpecError, match="9007199254740991"):
        parse_spec(spec)


@pytest.mark.parametrize("spec", ["==", "", "=", ">=", "<="])
def test_the_largest_number_can_be_requested(spec):
    assert satisfies("9007199254740991", f"{spec}9007199254740991")
    assert satisfies("1.0.9007199254740991", f"{spec}1.0.9007199254740991")
    assert not satisfies("9007199254740991", ">9007199254740991")
