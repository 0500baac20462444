from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.cli.output import wrapped_table
from envmgr.cli.output.style import Style

PLAIN, COLOURED = Style(colour=False), Style(colour=True)
TEXT = "parallel installs (0: one per processor, at least 4)"


def cells(*texts):
    return tuple(("", text) for text in texts)


def test_text_that_fits_is_beside_its_row():
    rows = [cells("jobs", "0", TEXT), cells("offline", "false", "never use the network")]
    assert wrapped_table.render(rows, 100, PLAIN) == [
        f"jobs     0      {TEXT}",
        "offline  false  never use the network",
    ]


def test_longer_text_is_wrapped_below_itself():
    rows = [cells("jobs", "0", TEXT)]
    assert wrapped_table.render(rows, 50, PLAIN)[0].split("\n") == [
        "jobs  0  parallel installs (0: one per processor,",
        "         at least 4)",
    ]


def test_text_moves_below_its_row_where_too_little_room_is_left():
    rows = [cells("minimum_release_age", "0s", TEXT), cells("jobs", "0", "x")]
    assert wrapped_table.render(rows, 40, PLAIN)[0] == "minimum_release_age  0s"
    assert wrapped_table.render(rows, 40, PLAIN)[2:] == ["jobs                 0", "    x"]


def test_one_long_cell_does_not_widen_the_column_of_others():
    mirror = "https://github.com/=https://mirror.example.org/github/"
    rows = [cells("mirrors", mirror, "URL prefixes"), cells("jobs", "0", "parallel installs")]
    assert wrapped_table.render(rows, 70, PLAIN) == [
        f"mirrors  {mirror}",
        "    URL prefixes",
        "jobs     0  parallel installs",
    ]


def test_no_rows_yield_no_lines():
    assert wrapped_table.render([], 80, PLAIN) == []


def test_colours_do_not_disturb_the_columns():
    rows = [(("bold", "a"), ("", "b")), (("bold", "long"), ("", "c"))]
    assert wrapped_table.render(rows, 80, COLOURED) == ["\x1b[1ma\x1b[0m     b", "\x1b[1mlong\x1b[0m  c"]


WORD = st.text("abcdefgh", min_size=1, max_size=12)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@given(
    rows=st.lists(st.tuples(WORD, WORD, st.lists(WORD, max_size=15).map(" ".join)), min_size=1, max_size=5)
)
def test_nothing_is_cut_and_every_line_fits(width, rows):
    lines = "\n".join(wrapped_table.render([cells(*row) for row in rows], width, PLAIN)).split("\n")
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == " ".join(" ".join(row) for row in rows).split()
