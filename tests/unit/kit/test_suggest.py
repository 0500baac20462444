"""What somebody may have meant."""

from __future__ import annotations

from envmgr.kit.suggest import closest

TOOLS = ("nodejs", "python", "ruby", "deno", "npm:prettier")


def test_the_likest_comes_first():
    assert closest("pyhton", TOOLS) == ("python",)
    assert closest("node", ("nodejs", "node", "deno"))[0] == "node"


def test_case_is_ignored_and_the_original_candidate_is_returned():
    assert closest("RUBY", ["Ruby"]) == ("Ruby",)


def test_of_two_that_differ_in_case_the_one_in_the_words_case_is_meant():
    assert closest("prdo", ["PROD", "prod", "dev"]) == ("prod",)
    assert closest("PRDO", ["PROD", "prod", "dev"]) == ("PROD",)


def test_nothing_is_suggested_for_what_is_like_nothing():
    assert closest("xyzzy", TOOLS) == ()
    assert closest("", TOOLS) == ()
    assert closest("nodejs", ()) == ()


def test_the_number_of_suggestions_is_limited():
    assert len(closest("20.1.0", [f"20.1.{n}" for n in range(20)])) == 3
    assert len(closest("20.1.0", [f"20.1.{n}" for n in range(20)], limit=1)) == 1


def test_a_very_long_word_is_no_burden():
    assert closest("n" * 100_000, TOOLS) == ()
