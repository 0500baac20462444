"""Parsing, sorting and pinning of versions."""

from __future__ import annotations

import pytest

from envmgr.versions import compare, compare_build, parse, parse_spec, pin, satisfies, select, sort
from envmgr.versions import version as module
from envmgr.versions.version import LIMIT, parse_all


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1", (1,)),
        ("20.1.0", (20, 1, 0)),
        ("1.2.3.4.5", (1, 2, 3, 4, 5)),
        ("01.02.03", (1, 2, 3)),
        ("v1.2", (1, 2)),
        ("V1.2", (1, 2)),
        ("v 1.2", (1, 2)),
        (" = v1.2 ", (1, 2)),
        ("2024-05", (2024, 5)),
        ("2024-05-01", (2024, 5, 1)),
        ("2024.01.05", (2024, 1, 5)),
        ("1.8.0_392", (1, 8, 0, 392)),
        ("v3_3_0", (3, 3, 0)),
        ("9007199254740991", (2**53 - 1,)),
    ],
)
def test_numbers_are_parsed_with_any_separator(text, numbers):
    version = parse(text)

    assert (version.numbers, version.vendor, version.has_suffix, version.build) == (numbers, "", False, ())
    assert version.text == text


@pytest.mark.parametrize(
    ("text", "vendor", "version_text"),
    [
        ("temurin-21.0.2", "temurin", "21.0.2"),
        ("go1.22rc1", "go", "1.22rc1"),
        ("bun-v1.1", "bun", "1.1"),
        ("pypy3.10-7.3.17", "pypy3.10", "7.3.17"),
        ("graalvm-ce-java17-22.3.0", "graalvm-ce-java17", "22.3.0"),
        ("kustomize/v5.0.0", "kustomize", "5.0.0"),
        ("@biomejs/biome@2.0.0", "@biomejs/biome", "2.0.0"),
        ("ruby_3_3_0", "ruby", "3.3.0"),
        ("jdk1.8.0_392", "jdk", "1.8.0.392"),
        ("vault-1.2", "vault", "1.2"),
        ("vlc3", "vlc", "3"),
        ("nightly-2024-05-01", "nightly", "2024.5.1"),
    ],
)
def test_a_vendor_is_the_text_before_the_first_version_like_part(text, vendor, version_text):
    assert parse(text).vendor == vendor
    assert parse(text).rank == parse(version_text).rank


@pytest.mark.parametrize(
    ("text", "release", "pre"),
    [
        ("1.2.3-rc.1", "1.2.3", ("rc", "1")),
        ("1.2.3-alpha-.-beta", "1.2.3", ("alpha-", "-beta")),
        ("1.2.3--1", "1.2.3", ("-1",)),
        ("1.0~rc1", "1.0", ("rc1",)),
        ("1.22rc1", "1.22", ("rc1",)),
        ("17beta1", "17", ("beta1",)),
        ("3.13.0a1", "3.13.0", ("a1",)),
        ("1.0foo", "1.0", ("foo",)),
        ("1.0rc", "1.0", ("rc",)),
        ("1.0RC", "1.0", ("RC",)),
        ("1.0.dev1", "1.0", ("dev1",)),
        ("6.4.0.CR1", "6.4.0", ("CR1",)),
        ("1.0.0.rc.1", "1.0.0", ("rc", "1")),
        ("1.2.3-p1.2", "1.2.3", ("p1", "2")),
        ("1.2.3-stable.1", "1.2.3", ("stable", "1")),
        ("2024-051", "2024", ("051",)),
        ("2024-05-01-rc1", "2024.5.1", ("rc1",)),
        ("21-ea+36", "21", ("ea",)),
    ],
)
def test_prereleases_are_recognized_by_hyphen_tilde_or_word(text, release, pre):
    assert parse(text).is_prerelease
    assert parse(text).pre == pre
    assert parse(text).rank[0] == parse(release).rank[0]


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1w",
        "1.0.2zk",
        "3.4a",
        "9.6p1",
        "2.0.0-p648",
        "9.11.0-P1",
        "1.0.SP1",
        "1.0-patch2",
        "1.0.post1",
        "2.43.0.windows.1",
        "1.0.Final.1",
        "1.0.hotfix",
    ],
)
def test_letters_patch_levels_and_dotted_words_sort_after_the_release(text):
    version = parse(text)

    assert version.has_suffix
    assert not version.is_prerelease
    assert version.rank > parse(".".join(map(str, version.numbers))).rank


def test_a_patch_level_can_have_a_prerelease_of_its_own():
    assert sort(["2.0-p2", "2.0-p2-rc1", "2.0-p1", "2.0"]) == ["2.0", "2.0-p1", "2.0-p2-rc1", "2.0-p2"]


@pytest.mark.parametrize(
    "text", ["6.4.0.Final", "6.4.0.GA", "6.4.0-RELEASE", "6.4.0-stable", "6.4.0-lts", "6.4.0-lts+7"]
)
def test_words_for_a_plain_release_are_dropped(text):
    assert compare(text, "6.4.0") == 0
    assert not parse(text).has_suffix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v",
        "master",
        "x",
        "20.x",
        "1.x.5",
        "1..2",
        "1.2.",
        ".1",
        "1.2+",
        "1.2-",
        "1.2-.a",
        "8u392-b08",
        "hello, world",
        "1.0W",
        "2.43.0.windows1",
        "\uff11.2",
        "1.2.3é",
        "9007199254740992",
        "-1",
        "1.2.3\n",
    ],
)
def test_anything_else_is_an_opaque_name(text):
    assert parse(text).is_opaque
    assert not satisfies(text, "*", include_prerelease=True)


def test_an_opaque_name_is_matched_by_itself():
    assert satisfies("master", "master")
    assert not satisfies("main", "master")


def test_a_version_over_256_characters_is_opaque_and_not_cached():
    longest = "1.2.3-" + "a" * (LIMIT - 6)

    assert not parse(longest).is_opaque
    assert parse(longest + "a").is_opaque
    assert longest + "a" not in module._cache[()]


def test_a_version_is_parsed_once():
    assert parse("20.1.0-once") is parse("20.1.0-once")


def test_the_cache_of_versions_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    monkeypatch.setattr(module, "_cache", {})

    assert [version.numbers for version in parse_all(["1", "2", "3"])] == [(1,), (2,), (3,)]
    assert list(module._cache[()]) == ["3"]


@pytest.mark.parametrize("text", ["3.13.0t", "3.13.0-t", "3.13.0t+5"])
def test_a_variant_of_the_tool_is_separated(text):
    version = parse(text, ("d", "t"))

    assert (version.variant, version.rank, version.text) == ("t", parse("3.13.0").rank, text)
    assert parse(text).variant == ""


def test_a_variant_of_digits_is_separated_from_numbers():
    version = parse("3.13.064", ("64",))

    assert (version.variant, version.rank) == ("64", parse("3.13.0").rank)


@pytest.mark.parametrize("text", ["master-t", "t", "1.0-bett", "3.13.0"])
def test_a_suffix_that_is_not_a_variant_is_preserved(text):
    assert parse(text, ("t",)) == parse(text)


def test_a_prerelease_can_be_a_variant():
    assert parse("3.14.0rc1t", ("t",)).pre == ("rc1",)


def test_opaque_names_sort_first_and_vendors_together():
    mixed = ["zulu-1", "2", "master", "temurin-3", "1", "temurin-2"]

    assert sort(mixed) == ["master", "1", "2", "temurin-2", "temurin-3", "zulu-1"]


def test_equal_versions_are_sorted_by_build_then_stably():
    assert sort(["1+10", "1+9", "1.0", "1"]) == ["1.0", "1", "1+9", "1+10"]


@pytest.mark.parametrize(("a", "b"), [("1.0", "1.0+1"), ("1.0+a", "1.0+b"), ("1.0+1", "1.0+1.0")])
def test_only_compare_build_considers_builds(a, b):
    assert compare(a, b) == 0
    assert (compare_build(a, b), compare_build(b, a), compare_build(a, a)) == (-1, 1, 0)


@pytest.mark.parametrize(
    ("version", "spec"),
    [
        ("1.22", "==1.22"),
        ("21+35", "==21+35"),
        ("1.22rc1", "==1.22rc1"),
        ("1.2.3", "1.2.3"),
        ("master", "master"),
    ],
)
def test_a_pin_matches_only_its_version(version, spec):
    assert pin(version) == spec
    assert select([version, f"{version}.5", "9.9.9"], spec).winner == version


def test_a_pin_of_a_release_is_exact():
    assert parse_spec(pin("temurin-21+35")).exact
