from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from envmgr.cli.output import table
from envmgr.cli.output.style import Style

PLAIN, COLOURED = Style(colour=False), Style(colour=True)


def cells(*texts: str) -> tuple[table.Cell, ...]:
    return tuple(("", text) for text in texts)


def test_columns_are_aligned_and_the_last_is_not_padded():
    rows = [cells("nodejs", "20.1.0", "here"), cells("zig", "0.12.0", "")]
    assert table.render(rows, 80, PLAIN) == ["nodejs  20.1.0  here", "zig     0.12.0"]


def test_a_flexible_column_is_shortened_and_keeps_its_end():
    rows = [cells("nodejs", "a/very/long/path/to/.envmgr:3", "x")]
    (line,) = table.render(rows, 30, PLAIN, flexible=1)
    assert len(line) == 30
    assert line.startswith("nodejs  …")
    assert line.endswith(".envmgr:3  x")


def test_colours_do_not_disturb_the_columns():
    rows = [(("bold", "a"), ("", "b")), (("bold", "long"), ("", "c"))]
    first, second = table.render(rows, 80, COLOURED)
    assert first == "\x1b[1ma\x1b[0m     b"
    assert second == "\x1b[1mlong\x1b[0m  c"


def test_wide_characters_count_as_two_columns():
    assert table.display_width("日本") == 4
    assert table.display_width("e\u0301") == 1


@given(st.text(max_size=40), st.integers(min_value=2, max_value=30))
def test_shortening_never_exceeds_the_width(text, width):
    assert table.display_width(table.truncate_start(text, width)) <= width


def test_no_rows_yield_no_lines():
    assert table.render([], 80, PLAIN) == []


def test_a_shortened_sentence_keeps_its_beginning():
    rows = [cells("bun", "JavaScript runtime and bundler")]
    assert table.render(rows, 24, PLAIN, cut=table.truncate_end) == ["bun  JavaScript runtime…"]


@given(st.text(max_size=40), st.integers(min_value=2, max_value=30))
def test_cutting_an_end_never_exceeds_the_width(text, width):
    assert table.display_width(table.truncate_end(text, width)) <= width
