from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from envmgr.cli.output.wrap import fill


def test_lines_end_between_words_and_go_on_indented():
    assert fill("one two three four", 12, first=2, continuation=2) == "one two\n  three four"


def test_a_command_in_backticks_stays_in_one_piece():
    text = "run `envmgr use nodejs latest`, or not at all"
    assert "`envmgr use nodejs latest`," in fill(text, 30, continuation=2).split("\n  ")


def test_a_command_longer_than_a_line_is_broken_between_its_words():
    lines = fill("run `envmgr plugin add NAME VERSIONS_URL`", 24, continuation=2).split("\n")
    assert max(map(len, lines)) <= 24


def test_a_word_longer_than_a_line_stays_whole():
    assert (
        fill("see https://example.test/a/very/long/path now", 20)
        == "see\nhttps://example.test/a/very/long/path\nnow"
    )


def test_lines_keep_their_own_indentation():
    assert fill("first\n  second line", 12, continuation=2) == "first\n    second\n    line"


@given(st.text(alphabet="ab `\n", max_size=80), st.integers(8, 40))
def test_words_are_neither_lost_nor_changed(text, width):
    assert fill(text, width, 4, 2).split() == text.split()
