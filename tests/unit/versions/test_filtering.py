"""Filtering by vendor, variant and build, with reasons for rejections."""

from __future__ import annotations

import pytest

from envmgr.versions import VendorError, parse, parse_spec
from envmgr.versions.filtering import Pool, filter_versions, vendor_for


def only(spec, variants=()):
    (alternative,) = parse_spec(spec, variants).alternatives
    return alternative


def pool(*texts, variants=()):
    return Pool(parse(text, variants) for text in texts)


@pytest.mark.parametrize(
    ("spec", "texts", "default", "vendor"),
    [
        ("zulu-21", ["21", "temurin-21"], None, "zulu"),
        ("21", ["21", "temurin-21", "zulu-21"], "zulu", ""),
        ("21", ["temurin-21", "temurin-22", "master"], None, "temurin"),
        ("21", ["temurin-21", "temurin-22"], "zulu", "temurin"),
        ("21", ["temurin-21", "zulu-21"], "zulu", "zulu"),
        ("21", [], None, ""),
        ("21", ["master"], "zulu", ""),
    ],
)
def test_vendors_are_selected_by_name_then_plain_then_only_or_default(spec, texts, default, vendor):
    assert vendor_for(only(spec), pool(*texts), default, spec) == vendor


@pytest.mark.parametrize("default", [None, "", "corretto"])
def test_ambiguous_vendors_are_listed(default):
    with pytest.raises(VendorError, match=r"'21' is ambiguous: .*\(temurin, zulu\)") as caught:
        vendor_for(only("21"), pool("zulu-21", "temurin-21", "zulu-22"), default, "21")
    assert caught.value.vendors == ("temurin", "zulu")


def judge(spec, *texts, vendor="", variants=(), include_prerelease=False):
    accepted, rejection = filter_versions(
        only(spec, variants), vendor, pool(*texts, variants=variants), include_prerelease
    )
    return [version.text for version in accepted], [(version.text, why) for version, why in rejection]


def test_a_rejected_version_within_the_range_has_a_reason():
    assert judge("^3.13", "3.12", "3.13.0", "3.13.0t", "3.14.0rc1", "pypy-3.13", "4.0", variants=("t",)) == (
        ["3.13.0"],
        [("3.14.0rc1", "pre-release"), ("3.13.0t", "another variant"), ("pypy-3.13", "another vendor")],
    )


def test_a_variant_matches_only_a_spec_that_names_it():
    assert judge("3.13t", "3.13.0", "3.13.0t", "3.13.1t", variants=("t",)) == (
        ["3.13.1t", "3.13.0t"],
        [("3.13.0", "another variant")],
    )
    assert judge("3.13.x-t", "3.13.0", "3.13.0t", variants=("t",))[0] == ["3.13.0t"]


def test_a_spec_with_a_build_matches_only_that_build():
    versions = ("3.12.3", "3.12.3+01", "3.12.3+2")

    for spec in ("3.12.3+1", "=3.12.3+1", "==3.12.3+1", "3.12+1"):
        assert judge(spec, *versions) == (["3.12.3+01", "3.12.3"], [("3.12.3+2", "another build")])
    for spec in (">=3.12.3+1", "~3.12.3+1", "3.12.x+1"):
        assert judge(spec, *versions) == (list(reversed(versions)), [])
    assert judge("3.12.3+1 3.12.3+2", *versions)[0] == ["3.12.3"]


def test_prereleases_match_from_a_named_prerelease_on():
    versions = ("1.2.3-a1", "1.2.3-b1", "1.2.3-rc1", "1.2.4-b1", "1.2.4")

    assert judge("^1.2.3-b1", *versions) == (
        ["1.2.4", "1.2.3-rc1", "1.2.3-b1"],
        [("1.2.4-b1", "pre-release")],
    )
    assert judge("^1.2.3-b1", *versions, include_prerelease=True)[0] == list(reversed(versions[1:]))


def test_an_exact_version_precedes_versions_with_its_prefix():
    assert judge("1.2.3", "1.2.3.4", "1.2.3", "1.2.3+5")[0] == ["1.2.3+5", "1.2.3"]
    assert judge("1.2.3", "1.2.3.4", "1.2.3w", "1.2.4")[0] == ["1.2.3.4", "1.2.3w"]
    assert judge("1.2.3 >=1.2", "1.2.3.4", "1.2.3")[0] == ["1.2.3"]
    assert judge("1.2", "1.2.3", "1.2")[0] == ["1.2.3", "1.2"]
