"""The figures in README.md and docs/, between markers, and the picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from report.rows import ASDF, CURL_TAR, ENVMGR, MISE, PYENV, UV
from report.svg import render_svg
from report.text import MISSING, format_figure, markdown_row, notes, render_markdown

if TYPE_CHECKING:
    from report.document import Run

BEGIN, END = "<!-- figures: `make bench` -->", "<!-- end of figures -->"
PICTURE = "docs/bench.svg"
SUMMARY = (
    "shim",
    "hook-idle",
    "current",
    "install-idle",
    "tiny",
    "node-gz",
    "zig-xz",
    "cpython-gz",
    "zig-slow",
)
"""The rows in the README."""
_COLUMNS = (ENVMGR, MISE, ASDF, PYENV, UV, CURL_TAR)


def update_documents(checkout: str, run: Run) -> None:
    """Write the table into docs/comparison.md, the summary into README.md, and the picture."""
    _replace(os.path.join(checkout, "docs", "comparison.md"), render_markdown(run))
    _replace(os.path.join(checkout, "README.md"), render_summary(run))
    with open(os.path.join(checkout, PICTURE), "w", encoding="utf-8") as file:
        file.write(render_svg(run))


def _replace(path: str, content: str) -> None:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(replace_figures(text, content))


def replace_figures(text: str, content: str) -> str:
    """Return a document with other content between its markers.

    Raise ValueError if it has none.
    """
    before, begin, after = text.partition(BEGIN)
    _, end, rest_of_text = after.partition(END)
    if not begin or not end:
        raise ValueError(f"markers not found: {BEGIN} and {END}")
    return f"{before}{begin}\n{content}{end}{rest_of_text}"


def render_summary(run: Run) -> str:
    """Return the most important rows as Markdown, and the number of targets met and missed."""
    results = {result.row.name: result for result in run.results}
    rows = [
        [
            results[name].row.title,
            *(
                format_figure(results[name].values[way], results[name].row.unit)
                if way in results[name].values
                else MISSING
                for way in _COLUMNS
            ),
        ]
        for name in SUMMARY
        if name in results
    ]
    lines = [markdown_row(cells) for cells in (["", *_COLUMNS], ["---", *["--:"] * len(_COLUMNS)], *rows)]
    return "\n".join([*lines, "", f"Targets: {notes(run)[0]}.", ""])
