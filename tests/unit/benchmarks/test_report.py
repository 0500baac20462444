"""The table of `make bench`: ratios, verdicts, texts and the picture of a run."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from report import document, documentation, svg, text
from report.results import judge, paired_ratio
from report.rows import ROWS, ROWS_BY_NAME, Measure, Row, Target

CHECKOUT = Path(__file__).parents[3]
SAMPLES = {
    "current": {
        "envmgr": [15.0, 30.0, 18.0],
        "python -c pass": [10.0, 20.0, 10.0],
        "mise": [20.0, 21.0, 22.0],
    },
    "shim": {"envmgr": [1.4], "sh": [1.2], "direct": [0.4], "mise": [10.4]},
    "node-gz": {"envmgr": [1.2], "curl | tar": [2.0], "mise": [1.1]},
}


@pytest.fixture
def run():
    return document.Run(
        "2026-01-02",
        {"processors": "2 x A <fast> & small one"},
        {"envmgr": "1.0", "mise": "2.0"},
        {"asdf": "not on PATH"},
        SAMPLES,
    )


def test_ratios_are_of_the_same_round():
    result = judge(ROWS_BY_NAME["current"], SAMPLES["current"])
    assert result.values["envmgr"] == 18.0
    assert result.ratios == pytest.approx({"envmgr": 1.5, "mise": 2.0})
    assert result.verdict == "met"


def test_rounds_without_a_slow_way_do_not_count():
    assert paired_ratio([4.0, None, 12.0], [2.0, 1.0, 3.0]) == 3.0


@pytest.mark.parametrize(
    ("target", "figure", "verdict"),
    [
        (Target(Measure.VALUE, 3), 3.0, "met"),
        (Target(Measure.VALUE, 2.9), 3.0, "missed"),
        (Target(Measure.RATIO, 1.5), 1.5, "met"),
        (Target(Measure.PEER, 1.0, "mise"), 0.5, "met"),
        (Target(Measure.PEER, 1.0, "uv"), None, ""),
        (Target(Measure.ADDED, 0.9, "base"), 1.0, "missed"),
    ],
)
def test_a_target_bounds_what_it_states(target, figure, verdict):
    row = Row("row", "a row", "ms", "base", (target,))
    result = judge(row, {"envmgr": [3.0], "base": [2.0], "mise": [6.0]})
    assert (result.checks[0].figure, result.verdict) == (figure, verdict)


def test_a_row_with_a_missed_target_is_missed_and_a_note_names_it(run):
    (cells,) = [cells for cells in text.table_cells(run) if cells[0] == "install of node.tar.gz"]
    assert cells[5] == "missed"
    assert "install of node.tar.gz: missed ≤ mise (1.09)" in text.notes(run)


def test_growth_is_compared_with_the_same_program():
    samples = {"envmgr": [4.0], "envmgr, 4 tools": [2.0], "mise": [9.0], "mise, 4 tools": [3.0]}
    result = judge(ROWS_BY_NAME["current-300"], samples)
    assert result.ratios == {"envmgr": 2.0, "mise": 3.0}
    assert result.checks[0].text == "≤ 2.5 x"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.03861, "ms", "38.6 µs"),
        (1.487, "ms", "1.49 ms"),
        (23.46, "ms", "23.5 ms"),
        (460.9, "s", "461 s"),
        (75.0, "MiB", "75 MiB"),
    ],
)
def test_figures_have_three_digits(value, unit, expected):
    assert text.format_figure(value, unit) == expected


def test_the_text_is_aligned_and_ends_with_what_is_missing(run):
    lines = text.render_text(run).splitlines()
    assert len({len(line) for line in lines[:5]}) == 1
    assert lines[-1] == "asdf not available: not on PATH"
    assert "2 met, 1 missed, 0 without a target" in lines


def test_markdown_escapes_the_separator_of_its_columns(run):
    lines = text.render_markdown(run).splitlines()
    assert "curl \\| tar 2.00 s" in next(line for line in lines if "node.tar.gz" in line)
    assert {line.replace("\\|", "").count("|") for line in lines[:5]} == {len(text.HEADINGS) + 1}


def test_the_picture_is_xml_with_escaped_texts_and_bars_to_scale(run):
    picture = ET.fromstring(svg.render_svg(run))
    name = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in picture.iter(f"{name}text")]
    assert "2026-01-02 · 2 x A <fast> & small one" in texts
    widths = [float(bar.get("width")) for bar in picture.iter(f"{name}rect") if bar.get("class") != "page"]
    assert widths[1] / widths[2] == pytest.approx(0.1, abs=0.01)  # the shims of envmgr and mise


def test_bars_of_a_shim_are_what_it_adds(run):
    (panel,) = [panel for panel in svg.PANELS if panel.row == "shim"]
    (result,) = [result for result in run.results if result.row.name == "shim"]
    assert [(bar.label, bar.text) for bar in svg.panel_bars(panel, result)] == [
        ("sh that only execs", "0.80 ms"),
        ("envmgr", "1.00 ms"),
        ("mise", "10.0 ms"),
    ]


def test_a_document_is_read_as_it_was_written(run):
    assert document.decode(document.encode(run)) == run


def test_of_several_runs_the_last_figures_of_a_row_count(run):
    other = run._replace(date="2026-01-03", samples={"shim": {"envmgr": [9.0]}})
    merged = document.merge([run, other])
    assert (merged.date, merged.samples) == ("2026-01-03", {**SAMPLES, "shim": {"envmgr": [9.0]}})


def test_a_peer_of_one_of_several_runs_is_not_missing(run):
    other = run._replace(versions={"envmgr": "1.1", "asdf": "0.15.0"}, unavailable={"uv": "no wheel"})
    merged = document.merge([other, run])
    assert merged.versions == {"envmgr": "1.0", "asdf": "0.15.0", "mise": "2.0"}
    assert merged.unavailable == {"uv": "no wheel"}


def test_figures_replace_those_between_the_markers():
    page = f"above\n{documentation.BEGIN}\nold\n{documentation.END}\nbelow\n"
    expected = f"above\n{documentation.BEGIN}\nnew\n{documentation.END}\nbelow\n"
    assert documentation.replace_figures(page, "new\n") == expected
    with pytest.raises(ValueError, match="markers not found"):
        documentation.replace_figures("above\n", "new\n")


@pytest.mark.parametrize("name", ["README.md", "docs/comparison.md"])
def test_documents_have_a_place_for_figures(name):
    page = (CHECKOUT / name).read_text()
    assert documentation.replace_figures(page, "new\n") != page


def test_pictures_and_summaries_are_of_rows_in_the_table():
    names = {row.name for row in ROWS}
    assert len(names) == len(ROWS)
    assert {panel.row for panel in svg.PANELS} | set(documentation.SUMMARY) <= names
