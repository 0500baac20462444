"""Tables of records in wide and narrow terminals, and in pipes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.output.style import Style
from envmgr.cli.output.table import display_width

PLAIN, COLOURED = Style(colour=False), Style(colour=True)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
PIPE = 10_000


def row(*texts):
    return [("", text) for text in texts]


def test_columns_are_aligned_and_nothing_is_padded_at_the_end():
    rows = [row("1", "shop@1.4", "x"), row("22", "web@1", "")]
    assert RecordTable(PLAIN, 80, (1,)).lines(rows) == ["1   shop@1.4  x", "22  web@1"]
    assert RecordTable(PLAIN, 80, (1,)).lines([]) == []


def test_an_empty_column_is_omitted():
    assert RecordTable(PLAIN, 80, ()).lines([row("a", "", "b"), row("c", "", "d")]) == ["a  b", "c  d"]


def test_free_text_is_cut_before_names_and_key_columns_never():
    rows = [row("n" * 100, "words " * 20, "nodejs 20.9.0"), row("web", "few", "nodejs 24.11.0")]
    first, second = RecordTable(PLAIN, 60, (1, 0)).lines(rows)
    assert first == f"{'n' * 29}…  words words…  nodejs 20.9.0"
    assert second.split() == ["web", "few", "nodejs", "24.11.0"]


def test_output_to_a_pipe_is_neither_truncated_nor_padded_for_long_texts():
    rows = [row("shop", "d" * 2000, "1h"), row("a" * 100, "few", "2h")]
    assert RecordTable(PLAIN, PIPE, (1, 0)).lines(rows) == [
        f"shop  {'d' * 2000}  1h",
        f"{'a' * 100}  few  2h",
    ]


def test_cells_are_stacked_if_cutting_is_not_enough():
    rows = [row("17", "03-01 11:00:00Z", "user:ada", "DeploymentUpdated", "shop@1.4 -> prod: successful")]
    assert RecordTable(PLAIN, 40, (4, 2)).lines(rows) == [
        "17  03-01 11:00:00Z  user:ada",
        "  DeploymentUpdated",
        "  shop@1.4 -> prod: successful",
    ]


def test_a_heading_is_for_tables_only():
    heading, rows = row("id", "name", "last used"), [row("1", "shop CI", "never")]
    assert RecordTable(PLAIN, 40, ()).lines(rows, heading) == ["id  name     last used", "1   shop CI  never"]
    assert RecordTable(PLAIN, 16, ()).lines(rows, heading) == ["1  shop CI", "  never"]


def test_column_widths_are_preserved_for_following_rows():
    columns = RecordTable(PLAIN, 80, ())
    columns.lines([row("long one", "x")])
    assert columns.lines([row("a", "x")]) == ["a         x"]


texts = st.text("ab 漢é-", max_size=60).map(str.strip)


@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5), st.integers(12, 120))
def test_every_line_fits(rows, width):
    lines = RecordTable(COLOURED, width, (1, 0)).lines([[("bold", text) for text in texts] for texts in rows])
    assert len(lines) >= len(rows)
    assert all(display_width(ESCAPES.sub("", line)) <= width for line in lines)
