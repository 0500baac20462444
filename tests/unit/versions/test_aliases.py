"""Aliases in place of versions."""

from __future__ import annotations

import pytest

from envmgr.versions import SpecError, WordError, classify, resolve_aliases


@pytest.mark.parametrize(
    ("spec", "kind", "name"),
    [
        ("system", "system", ""),
        (" system ", "system", ""),
        ("ref:main", "ref", "main"),
        ("tag:v1.2.3", "tag", "v1.2.3"),
        ("branch:feature/x@2", "branch", "feature/x@2"),
        ("rev:83e578a18", "rev", "83e578a18"),
        ("path:../tools/my go", "path", "../tools/my go"),
        ("path:C:\\go", "path", "C:\\go"),
        ("path:~/grün", "path", "~/grün"),
        ("", "version", ""),
        (" lts ", "version", "lts"),
        ("lts/*", "version", "lts/*"),
        ("latest:20", "version", "latest:20"),
        ("master", "version", "master"),
        ("8u392-b08", "version", "8u392-b08"),
        (">=1, <2 || 3", "version", ">=1, <2 || 3"),
    ],
)
def test_a_spec_is_distinguished_from_a_version_missing_in_the_list(spec, kind, name):
    assert classify(spec) == (kind, name)


@pytest.mark.parametrize(
    "spec",
    [
        "ref:",
        "tag:-x",
        "branch:a..b",
        "rev:a b",
        "ref:a;b",
        "ref:$x",
        "ref:ä",
        "ref:a\nb",
        "path:",
        "path:a\x00b",
        "--help",
        "1..2",
        "a;b",
        "ä",
        "1 || foo",
        ">=1 <",
        "!=1",
        "a b",
        "1,",
        "a|b",
        "1" * 1_025,
    ],
)
def test_an_invalid_text_is_rejected(spec):
    with pytest.raises(SpecError):
        classify(spec)


@pytest.mark.parametrize("spec", ["20x", "v3.0x", "3.0.0X"])
def test_a_word_that_is_a_wildcard_without_its_dot_is_rejected(spec):
    with pytest.raises(SpecError, match="wildcard without a dot"):
        classify(spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("^20", ("^20",)),
        (" ^20 ", ("^20",)),
        ("latest", ("latest",)),
        ("stable", ("stable", "latest")),
        ("lts", ("lts", "20")),
        ("work", ("work", "lts", "20")),
        ("latest:lts", ("latest:lts", "lts", "20")),
        ("prefix:1.20", ("prefix:1.20", "1.20")),
        ("other:1.20", ("other:1.20",)),
        ("lts/iron", ("lts/iron",)),
    ],
)
def test_aliases_are_followed_to_their_end(spec, words):
    assert resolve_aliases(spec, {"lts": " 20 "}, {"work": " lts "}) == words


def test_a_user_alias_overrides_every_other_meaning():
    tool = {"lts": "20", "latest": "1", "stable": "1"}

    assert resolve_aliases("lts", tool, {"lts": "18"}) == ("lts", "18")
    assert resolve_aliases("latest", tool, {"latest": "21"}) == ("latest", "21")
    assert resolve_aliases("20", tool, {"20": "^20.5"}) == ("20", "^20.5")


def test_latest_and_stable_override_aliases_of_the_tool():
    assert resolve_aliases("stable", {"latest": "1", "stable": "2"}) == ("stable", "latest")


def test_circular_aliases_are_named():
    with pytest.raises(WordError, match="a → b → a: alias loop") as caught:
        resolve_aliases("a", {"a": "b"}, {"b": "a"})
    assert caught.value.words == ("a", "b", "a")


def test_at_most_ten_aliases_are_followed():
    chain = {f"n{i}": f"n{i + 1}" for i in range(20)}

    assert len(resolve_aliases("n10", chain)) == 11
    with pytest.raises(WordError, match="more than 10 aliases"):
        resolve_aliases("n9", chain)


@pytest.mark.parametrize("spec", ["latest:", "prefix: "])
def test_a_prefix_without_a_version_is_rejected(spec):
    with pytest.raises(SpecError, match="empty after"):
        resolve_aliases(spec)


@pytest.mark.parametrize("spec", ["file:/x", "http://example.com/x", "npm:1", "Latest:20"])
def test_an_unknown_prefix_is_rejected_with_the_valid_ones(spec):
    with pytest.raises(SpecError, match="unknown prefix") as caught:
        classify(spec)
    assert "path:, ref:" in caught.value.hint
