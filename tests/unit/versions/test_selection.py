"""Selection from a list of versions."""

from __future__ import annotations

import subprocess
import sys

import pytest

from envmgr.versions import SpecError, VendorError, WordError, max_satisfying, parse, satisfies, select

NODE = ("v18.20.4", "v20.0.0", "v20.18.1", "v22.0.0-rc.1", "v21.7.3", "v22.3.0")


def test_a_selection_has_matches_best_first_and_rejected_versions():
    selection = select(("1.1", "1.3-rc1", "1.2", "1.3-rc2", "go-1.9", "2.0", "1.0"), "^1")

    assert selection.winner == "1.2"
    assert selection.candidates == ("1.2", "1.1", "1.0")
    assert selection.rejected == (
        ("go-1.9", "another vendor"),
        ("1.3-rc2", "pre-release"),
        ("1.3-rc1", "pre-release"),
    )
    assert selection.prereleases_seen == ("1.3-rc1", "1.3-rc2")
    assert selection.alias_chain == ("^1",)


def test_a_selection_without_a_match_lists_prereleases():
    selection = select(("3.12.3", "3.13.0rc2", "3.13.0a1"), "3.13")

    assert (selection.winner, selection.candidates) == (None, ())
    assert selection.prereleases_seen == ("3.13.0a1", "3.13.0rc2")
    assert select(("3.12.3", "3.13.0rc2", "3.13.0a1"), "3.13", include_prerelease=True).winner == "3.13.0rc2"


@pytest.mark.parametrize("word", ["latest", "stable", "zls", "zls-", "zls-latest", "latest:zls"])
def test_only_latest_falls_back_to_prereleases(word):
    versions = ("zls-0.1-dev.5", "zls-0.1-dev.12")

    assert select(versions, word).candidates == ("zls-0.1-dev.12", "zls-0.1-dev.5")
    assert select(versions, word).prereleases_seen == ()
    assert select((*versions, "zls-0.0.1"), word).winner == "zls-0.0.1"
    assert select(versions, "*").winner is None


def test_aliases_of_a_tool_resolve_to_versions():
    selection = select(NODE, "work", aliases={"lts": "20"}, user_aliases={"work": "lts"})

    assert (selection.winner, selection.alias_chain) == ("v20.18.1", ("work", "lts", "20"))
    assert max_satisfying(NODE, "lts", aliases={"lts": "20"}) == "v20.18.1"


def test_a_vendor_that_looks_like_a_version_is_a_vendor():
    versions = ("3.12.3", "pypy3.10-7.3.17", "pypy3.10-7.3.12")

    assert select(versions, "pypy3.10").winner == "pypy3.10-7.3.17"


def test_a_scoped_vendor_is_a_vendor():
    assert select(("@biomejs/biome@2.0.0", "1.0"), "@biomejs/biome").winner == "@biomejs/biome@2.0.0"


def test_vendors_are_listed_for_a_spec_without_one():
    versions = ("temurin-21", "zulu-22")

    with pytest.raises(VendorError, match="temurin, zulu"):
        select(versions, "latest")
    assert select(versions, "latest", default_vendor="temurin").winner == "temurin-21"
    assert select(versions, "temurin-21 || zulu-22").winner == "zulu-22"


def test_variants_are_those_that_the_tool_declares():
    versions = ("3.13.0", "3.13.1", "3.13.1t", "3.14.0rc1t", "3.14.0")

    assert select(versions, "3.13", variants=["t"]).winner == "3.13.1"
    assert select(versions, "3.13t", variants=["t"]).winner == "3.13.1t"
    assert max_satisfying(versions, ">=3.13t", variants=["t"]) == "3.13.1t"
    assert max_satisfying(versions, "3.13.1t") == "3.13.1t"
    assert max_satisfying(versions, ">=3.14.0rc1t", variants=("t",)) == "3.14.0rc1t"


def test_ties_are_won_by_the_higher_build_then_the_first_entry():
    assert select(("1.0+9", "1.0.0+10", "1+10", "1"), "1").candidates == ("1.0.0+10", "1+10", "1.0+9", "1")
    assert max_satisfying(("1.0+9", "1.0.0+10", "1+10", "1"), "1") == "1.0.0+10"
    assert max_satisfying(("1.0", "1"), "1") == "1.0"


def test_alternatives_are_merged_without_duplicates():
    selection = select(("1.0", "1.1", "2.0-rc1", "3.0", "1.1"), "1 || 1.1 || 2 || >=1 <3")

    assert selection.candidates == ("1.1", "1.0")
    assert selection.rejected == (("2.0-rc1", "pre-release"),)


def test_a_match_of_one_alternative_is_not_rejected_by_another():
    assert select(("2.0-rc1",), "2 || 2.0-rc1").rejected == ()
    assert select(("2.0-rc1",), "2 || 2.0-rc1").winner == "2.0-rc1"


def test_an_opaque_entry_matches_its_name_only():
    versions = ("0.12.0", "master", "8u392-b08", "hello, world")

    assert select(versions, "master").candidates == ("master",)
    assert select(versions, "8u392-b08").winner == "8u392-b08"
    assert select(versions, "hello, world").winner == "hello, world"
    assert select(versions, "latest").winner == "0.12.0"


def test_a_listed_name_with_shell_characters_is_rejected():
    with pytest.raises(SpecError, match="';': invalid character"):
        select(("1;ls",), "1;ls")


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("lts", WordError, "lts: no such version, alias or vendor"),
        ("nightly", WordError, "nightly"),
        ("x.1", WordError, "x.1"),
        ("1.2.3+", SpecError, "'1.2.3+': not a version"),
        ("8u9-b08", SpecError, "8u9-b08"),
        ("foo || 1", SpecError, "'foo': not a version"),
        ("system", WordError, "not resolvable to a release"),
        ("ref:main", WordError, "not resolvable to a release"),
        ("here", WordError, "here → path:~/x: not resolvable"),
        ("there", WordError, "there → nowhere: no such"),
        ("a b", SpecError, "'a': not a version"),
    ],
)
def test_an_invalid_spec_is_an_error_that_quotes_it(spec, error, message):
    aliases = {"here": "path:~/x", "there": "nowhere"}

    with pytest.raises(error) as caught:
        select((*NODE, "master"), spec, user_aliases=aliases)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_an_empty_list_is_not_an_error():
    assert select((), "latest").winner is None
    assert max_satisfying((), "^1") is None


def test_satisfies_returns_false_if_select_raises():
    assert not satisfies("1.2.3", "not a range")
    assert not satisfies("1.2.3", "lts")
    assert not satisfies("not a version", "*")


def test_a_version_of_the_only_vendor_matches_a_spec_without_one():
    assert satisfies("temurin-21.0.2", "21")
    assert not satisfies("temurin-21.0.2", "zulu-21")


def test_selecting_among_plain_versions_imports_no_slow_modules():
    program = (
        "import sys; from envmgr.versions import select;"
        "assert select(('20.1.0', '20.2.0'), '^20.1').winner == select(('20.2.0',), '20.x').winner == '20.2.0';"
        "print(*{'re', 'typing', 'dataclasses', 'pathlib', 'enum', 'functools', 'contextlib'} & set(sys.modules))"
    )

    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert result.stdout.strip() == ""


@pytest.mark.parametrize(
    "spec", ["Temurin-17", "temurin-17", "TEMURIN", "Temurin-latest", ">=Temurin-17 <temurin-18"]
)
def test_vendors_are_matched_without_case(spec):
    assert select(("temurin-17.0.9+9", "zulu-17.0.9"), spec).winner == "temurin-17.0.9+9"


def test_vendors_that_differ_by_case_only_are_distinguished():
    assert select(("Go-1.2", "go-1.3"), "Go-1").winner == "Go-1.2"
    assert select(("Go-1.2", "go-1.3"), "go-1").winner == "go-1.3"


def test_a_vendors_build_number_is_not_a_prerelease():
    versions = ("jetbrains-11.0.11-b1504.8", "jetbrains-11.0.11-b1504.12", "jetbrains-11.0.11-b1522.3")
    selection = select(versions, "jetbrains-11")
    assert selection.candidates == versions[::-1]
    assert select((*versions, "jetbrains-11.0.12-b2"), "jetbrains-11").winner == versions[-1]


@pytest.mark.parametrize(
    ("versions", "spec"),
    [
        (("jetbrains-17.0.0-b87.7", "jetbrains-17.0.0-b135.2", "jetbrains-17.0.1-b64.6"), "jetbrains-17"),
        (("jetbrains-jre-jcef-17.0.0-b87.7", "jetbrains-jre-jcef-17.0.0-b87.12"), "jetbrains-jre-jcef-17"),
        (("17.0.8-jetbrains-b968", "17.0.8-jetbrains-b1000", "17.0.8-jetbrains-b1000.7"), "17"),
        (("8.0.302-jetbrains-b87", "8.0.302-jetbrains-b1504.8", "8.0.302-jetbrains-b1504.12"), "8.0.302"),
        (("jetbrains-21.0.2-jetbrains-b968", "jetbrains-21.0.3-jetbrains-b968"), "jetbrains-21"),
        (("kona-17.0.0.b1", "kona-17.0.9.b1", "kona-17.0.9.b2", "kona-17.0.9.b10"), "kona-17"),
    ],
)
def test_the_build_numbers_of_a_vendor_are_releases_in_order(versions, spec):
    assert select(versions[::-1], spec).candidates == versions[::-1]
    assert select(versions, versions[0]).winner == versions[0]


@pytest.mark.parametrize(
    "version",
    [
        *(
            "1.0.0-b1",
            "1.0.0b2",
            "1.0.0.b1",
            "1.0.0-b12",
            "1.0.0-b1.2",
            "1.0.0-beta",
            "1.0.0-rc1",
            "zulu-17.0.1.b1",
        ),
        *(
            "kona-17.0.0b1",
            "kona-17.0.0-rc1",
            "konara-17.0.0.b1",
            "jetbrains-17.0.0-b2",
            "jetbrains-17.0.0-eap.1",
        ),
        *("17.0.8-jetbrains-beta", "17.0.8-jetbrains-b", "17.0.8-jetbrains-b1-rc", "17.0.8-b87.7"),
    ],
)
def test_a_beta_is_a_prerelease(version):
    assert parse(version).is_prerelease
