"""Suggestions for misspelt names."""

from __future__ import annotations

from envmgr.kit.suggest import closest

TOOLS = ("nodejs", "python", "ruby", "deno", "npm:prettier")


def test_the_most_similar_candidate_is_first():
    assert closest("pyhton", TOOLS) == ("python",)
    assert closest("node", ("nodejs", "node", "deno"))[0] == "node"


def test_case_is_ignored_and_the_original_candidate_is_returned():
    assert closest("RUBY", ["Ruby"]) == ("Ruby",)


def test_an_exact_case_match_wins():
    assert closest("prdo", ["PROD", "prod", "dev"]) == ("prod",)
    assert closest("PRDO", ["PROD", "prod", "dev"]) == ("PROD",)


def test_nothing_is_suggested_without_a_similar_candidate():
    assert closest("xyzzy", TOOLS) == ()
    assert closest("", TOOLS) == ()
    assert closest("nodejs", ()) == ()


def test_the_number_of_suggestions_is_limited():
    assert len(closest("20.1.0", [f"20.1.{n}" for n in range(20)])) == 3
    assert len(closest("20.1.0", [f"20.1.{n}" for n in range(20)], limit=1)) == 1


def test_a_very_long_word_is_handled_quickly():
    assert closest("n" * 100_000, TOOLS) == ()
