"""The table as aligned text and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.rows import CURL, ENVMGR, PEERS, PYTHON, Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from report.document import Run
    from report.results import Result

Cells = tuple[str, ...]
HEADINGS: Cells = ("what", ENVMGR, "compared with", "ratio", "target", "", *PEERS)
MISSING = "-"
_LEFT = frozenset({0, 2, 4, 5})


def format_figure(value: float, unit: str) -> str:
    """Return a figure with three digits and its unit."""
    if unit == "ms" and value < 0.1:
        return format_figure(value * 1000, "µs")
    decimals = 0 if value >= 100 or unit == "MiB" else 1 if value >= 10 else 2
    return f"{value:.{decimals}f} {unit}"


def table_cells(run: Run) -> list[Cells]:
    """Return the headings, and the cells of each row."""
    return [HEADINGS, *(_row_cells(result) for result in run.results)]


def _row_cells(result: Result) -> Cells:
    row = result.row
    ratio = result.ratios.get(ENVMGR)
    return (
        row.title,
        _cell(result, ENVMGR),
        _baseline(result),
        f"{ratio:.2f}" if ratio is not None else "",
        "; ".join(check.text for check in result.checks),
        result.verdict,
        *(_cell(result, way) for way in PEERS),
    )


def _cell(result: Result, way: str) -> str:
    value = result.values.get(way)
    return MISSING if value is None else format_figure(value, result.row.unit)


def _baseline(result: Result) -> str:
    """Return the baseline with its figure, and other ways that are not columns."""
    base = result.row.baseline.format(ENVMGR)
    names = [base, *(target.way for target in result.row.targets if target.measure is Measure.ADDED), CURL]
    return ", ".join(f"{_label(name)} {_cell(result, name)}" for name in names if name in result.values)


def _label(way: str) -> str:
    return "python" if way == PYTHON else way.removeprefix(f"{ENVMGR}, ")


def _missed_targets(result: Result) -> str:
    """Return the targets that a row missed, with their figures."""
    missed = [check for check in result.checks if check.is_met is False]
    return f"{result.row.title}: missed " + ", ".join(
        f"{check.text} ({check.figure:.2f})" for check in missed
    )


def render_text(run: Run) -> str:
    """Return the table as aligned text, with what is below it."""
    rows = table_cells(run)
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADINGS))]
    lines = [_align(cells, widths) for cells in rows]
    lines.insert(1, "─" * len(lines[0]))
    return "\n".join([*lines, "", *notes(run), ""])


def _align(cells: Cells, widths: Sequence[int]) -> str:
    columns = zip(cells, widths, strict=True)
    return "  ".join(
        cell.ljust(width) if column in _LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(columns)
    )


def notes(run: Run) -> list[str]:
    """Return the number of targets met, when and where the run was, and what was missed or is missing.

    Missed targets are those of rows with several.
    """
    verdicts = [result.verdict for result in run.results]
    missing = [f"{name} not available: {reason}" for name, reason in run.unavailable.items()]
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    return [
        f"{verdicts.count('met')} met, {verdicts.count('missed')} missed, {verdicts.count('')} without a target",
        f"{run.date}: {', '.join(run.machine.values())}",
        versions,
        *(_missed_targets(row) for row in run.results if len(row.checks) > 1 and row.verdict == "missed"),
        *missing,
    ]


def render_markdown(run: Run) -> str:
    """Return the table as Markdown, with the notes as a list."""
    head, *rows = table_cells(run)
    rule = ["---" if column in _LEFT else "--:" for column in range(len(HEADINGS))]
    lines = [markdown_row(cells) for cells in (head, rule, *rows)]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes(run)), ""])


def markdown_row(cells: Sequence[str]) -> str:
    """Return a row of a table in Markdown."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
