"""Rendering of an audit verification report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.alm.output.text import escape_line, key_values
from envmgr.cli.output import table
from envmgr.cli.output.units import count_of
from envmgr.cli.output.wrap import fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.audit.verify import Report
    from envmgr.cli.output.style import Style

_DEAD_LETTERS_HINT = (
    "on the server, run `envmgr-alm dead-letters list`, fix the cause, then run "
    "`envmgr-alm dead-letters retry --all` (both with `--service audit` if it runs separately)"
)


def report_json(report: Report) -> dict[str, object]:
    """Return a report as a JSON object."""
    return {
        "intact": report.is_intact,
        "entries": report.entries,
        "seq": report.seq,
        "head": report.head,
        "checkpoints": report.checkpoints,
        "saved_checkpoints": report.saved_checkpoints,
        "verified_up_to": report.verified_up_to,
        "public_key": report.key,
        "dead_letters": report.dead_letters,
        "findings": [
            {"kind": finding.kind, "seq": finding.seq or None, "detail": finding.detail}
            for finding in report.findings
        ],
        "more_findings": report.omitted,
        "recorded_gaps": [
            {"seq": gap.seq, "service": gap.source, "first": gap.first, "last": gap.last, "actor": gap.actor}
            for gap in report.recorded_gaps
        ],
    }


def report_lines(report: Report, style: Style, width: int) -> Iterator[str]:
    """Yield the lines of a report: verdict, findings, and what was compared."""
    if report.is_intact:
        yield f"{style.paint('green', 'OK')}: {format_count(report.entries)} verified"
    else:
        findings = count_of(len(report.findings) + report.omitted, "finding")
        yield f"{style.paint('error', 'FAILED')}: {findings} in {format_count(report.entries)}"
        rows = [
            (("red", finding.kind), ("bold", str(finding.seq or "")), ("", escape_line(finding.detail)))
            for finding in report.findings
        ]
        yield from (f"  {line}" for line in _wrap_findings(rows, width - 2, style))
        if report.omitted:
            yield f"  and {report.omitted} more"
    if report.dead_letters:
        yield f"{style.paint('hint', 'hint:')} {fill(_DEAD_LETTERS_HINT, width, 6, 6)}"
    for gap in report.recorded_gaps:
        lost = (
            f"entry {gap.seq}: {gap.actor} recorded events {gap.first} to {gap.last} of {gap.source} as lost"
        )
        yield "  " + fill(escape_line(lost), width - 2, 0, 2)
    values = [
        ("head", report.head),
        ("checkpoints", _checkpoints(report)),
        ("key", report.key or ""),
        ("saved", _saved_line(report)),
        ("dead letters", _dead_letters_line(report)),
    ]
    yield from key_values(values, style, width)


def format_count(entries: int) -> str:
    """Format a number of entries."""
    return f"{entries} {'entry' if entries == 1 else 'entries'}"


def _wrap_findings(
    rows: Sequence[tuple[table.Cell, table.Cell, table.Cell]], width: int, style: Style
) -> Iterator[str]:
    """Yield findings as aligned lines, wrapped to the terminal."""
    widths = [max(table.display_width(row[column][1]) for row in rows) for column in (0, 1)]
    indent = sum(widths) + 2 * table.COLUMN_GAP
    for (kind, label), (bold, seq), (_, detail) in rows:
        lead = style.paint(kind, label) + " " * (widths[0] - len(label) + table.COLUMN_GAP)
        number = style.paint(bold, seq) + " " * (widths[1] - len(seq) + table.COLUMN_GAP)
        yield lead + number + fill(detail, width, indent, indent)


def _checkpoints(report: Report) -> str:
    if not report.checkpoints:
        return "none"
    return f"{report.checkpoints} in the log, latest valid at entry {report.verified_up_to}"


def _dead_letters_line(report: Report) -> str:
    return "unknown: the export or the server does not state them" if report.dead_letters is None else ""


def _saved_line(report: Report) -> str:
    if report.saved_checkpoints:
        suffix = " verified" if report.is_intact else ""
        return f"{count_of(report.saved_checkpoints, 'saved checkpoint')}{suffix}"
    return (
        "none given: without an external checkpoint, truncation or replacement of the whole log cannot be "
        "detected (`envmgr alm audit --save-checkpoint FILE`, then `--verify --checkpoint FILE`)"
    )
