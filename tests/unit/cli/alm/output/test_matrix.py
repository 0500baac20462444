from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from envmgr.alm.matrix import grid
from envmgr.cli.alm.output.matrix import RenderOptions, render_matrix
from envmgr.cli.alm.output.symbols import ASCII_SYMBOLS, UNICODE_SYMBOLS
from envmgr.cli.output.style import Style
from envmgr.cli.output.table import display_width
from support.alm.matrix_builders import cell, matrix, placement

NOW = datetime(2026, 3, 1, 11, tzinfo=UTC).timestamp()
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
GRID = grid(
    matrix(
        [
            placement("shop", "dev", cell(1, 3, "1.4.0"), age=7_200),
            placement(
                "shop", "prod", cell(2, 2, "1.3.2"), cell(9, 3, "1.4.0", status="failed"), age=1_036_800
            ),
            placement("billing", "dev", cell(4, 8, "2.0.1"), age=30),
        ]
    )
)


def plain(result, width, marks=ASCII_SYMBOLS, *, colour=False):
    return render_matrix(result, RenderOptions(Style(colour), marks, width, NOW))


def test_a_table_has_a_row_for_each_app_and_a_column_for_each_environment():
    assert plain(GRID, 80).lines == (
        "             dev            prod",
        "billing      ok 2.0.1 30s   -",
        "shop    !=   ok 1.4.0  2h   ok     1.3.2 12d",
        "                            failed 1.4.0  1h",
    )


def test_environments_are_listed_below_their_app_if_a_table_does_not_fit():
    assert plain(GRID, 40).lines == (
        "billing",
        "  dev  ok     2.0.1 30s",
        "shop !=",
        "  dev  ok     1.4.0  2h",
        "  prod ok     1.3.2 12d",
        "       failed 1.4.0  1h",
    )


def test_environments_below_an_app_fill_the_width():
    wide = grid(matrix([placement("app", f"env{number}", cell(1, 1, "1.0")) for number in range(5)]))
    assert plain(wide, 40).lines == (
        "app",
        "  env0 ok 1.0 1h   env1 ok 1.0 1h",
        "  env2 ok 1.0 1h   env3 ok 1.0 1h",
        "  env4 ok 1.0 1h",
    )


def test_symbols_and_colours_show_statuses_and_outdated_versions():
    lines = plain(GRID, 80, UNICODE_SYMBOLS, colour=True).lines
    assert ESCAPES.sub("", lines[2]) == "shop    ≠   ✓ 1.4.0  2h   ✓ 1.3.2 12d"
    assert "\x1b[33m1.3.2\x1b[0m" in lines[2]
    assert "\x1b[31m✗\x1b[0m" in lines[3]


def test_an_attempt_that_never_became_current_is_displayed_alone():
    result = grid(matrix([placement("web", "prod", None, cell(1, 1, "1.0", status="in_progress"), age=None)]))
    assert plain(result, 80).lines[1] == "web   in_progress 1.0 1h"


def test_a_tag_that_does_not_fit_is_cut_and_counted():
    result = grid(
        matrix(
            [
                placement("web", "prod", cell(1, 1, "2026.03.01-" + "f" * 60)),
                placement("api", "prod", cell(2, 2, "1")),
            ]
        )
    )
    cut = plain(result, 40)
    assert cut.cut == 1
    assert max(map(len, cut.lines)) == 40
    assert "~" in cut.lines[3]
    assert plain(result, 100).cut == 0


@pytest.mark.parametrize("status", UNICODE_SYMBOLS.states)
def test_every_symbol_is_one_column_wide(status):
    assert display_width(UNICODE_SYMBOLS.state(status)) == 1


def test_an_unknown_state_is_written_out():
    assert UNICODE_SYMBOLS.state("baking") == "baking"


names = st.text("abcXYZ019._-é漢", min_size=1, max_size=8)
attempts = st.builds(
    cell,
    st.integers(1, 50),
    st.integers(1, 9),
    st.text("0123456789.v", min_size=1, max_size=40),
    status=st.sampled_from([*UNICODE_SYMBOLS.states]),
)


def test_a_long_environment_or_app_is_cut_and_counted():
    result = grid(matrix([placement("a" * 90, "e" * 60, cell(1, 1, "1.0", status="in_progress"))]))
    cut = plain(result, 80)
    assert cut.cut == 2
    assert cut.lines == ("a" * 79 + "~", "  " + "e" * 58 + "~ in_progress 1.0 1h")
    assert plain(result, 200).cut == 0


@given(
    st.dictionaries(
        st.tuples(st.text("aB漢", min_size=1, max_size=99), st.text("xY漢", min_size=1, max_size=63)),
        attempts,
        min_size=1,
        max_size=6,
    ),
    st.integers(44, 120),
    st.sampled_from([UNICODE_SYMBOLS, ASCII_SYMBOLS]),
)
def test_every_line_fits_with_names_of_any_length(placements, width, marks):
    result = grid(matrix([placement(*key, item) for key, item in placements.items()]))
    assert max(map(display_width, plain(result, width, marks).lines)) <= width


@example({(app, "prod"): (None, cell(1, 1, "1")) for app in ("-b漢a", "-b漢a0")}, 60, ASCII_SYMBOLS)
@given(
    st.dictionaries(
        st.tuples(names, names), st.tuples(st.none() | attempts, attempts), min_size=1, max_size=12
    ),
    st.integers(60, 200),
    st.sampled_from([UNICODE_SYMBOLS, ASCII_SYMBOLS]),
)
def test_every_line_fits_and_every_placement_is_listed(placements, width, marks):
    result = grid(matrix([placement(*key, *cells) for key, cells in placements.items()]))
    laid = plain(result, width, marks)
    assert max(map(display_width, laid.lines)) <= width
    text = "\n".join(laid.lines)
    for app, environment in placements:
        assert app in text
        assert environment in text
