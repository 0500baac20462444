"""What came of verifying an audit log."""

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


def report_json(report: Report) -> dict[str, object]:
    """Return what is to be told of it."""
    return {
        "intact": report.is_intact,
        "entries": report.entries,
        "seq": report.seq,
        "head": report.head,
        "checkpoints": report.checkpoints,
        "kept_checkpoints": report.saved_checkpoints,
        "held_against": report.held_against,
        "public_key": report.key,
        "findings": [
            {"kind": one.kind, "seq": one.seq or None, "detail": one.detail} for one in report.findings
        ],
        "more_findings": report.omitted,
    }


def report_lines(report: Report, style: Style, width: int) -> Iterator[str]:
    """Say whether the log is what was written, by what that is known, and what is wrong."""
    if report.is_intact:
        yield f"{style.paint('green', 'intact')}: {counted(report.entries)}, none changed, none missing"
    else:
        found = count_of(len(report.findings) + report.omitted, "finding")
        yield f"{style.paint('error', 'not intact')}: {found} in {counted(report.entries)}"
        rows = [
            (("red", one.kind), ("bold", str(one.seq or "")), ("", escape_line(one.detail)))
            for one in report.findings
        ]
        yield from (f"  {line}" for line in _wrapped(rows, width - 2, style))
        if report.omitted:
            yield f"  and {report.omitted} more"
    about = [
        ("head", report.head),
        ("checkpoints", _checkpoints(report)),
        ("key", report.key or ""),
        ("kept", _kept(report)),
    ]
    yield from key_values(about, style, width)


def counted(entries: int) -> str:
    """Spell a number of entries."""
    return f"{entries} {'entry' if entries == 1 else 'entries'}"


def _wrapped(
    rows: Sequence[tuple[table.Cell, table.Cell, table.Cell]], width: int, style: Style
) -> Iterator[str]:
    """Lay findings out, their words broken where the terminal ends."""
    widths = [max(table.display_width(row[column][1]) for row in rows) for column in (0, 1)]
    indent = sum(widths) + 2 * table.COLUMN_GAP
    for (kind, word), (bold, seq), (_, detail) in rows:
        lead = style.paint(kind, word) + " " * (widths[0] - len(word) + table.COLUMN_GAP)
        place = style.paint(bold, seq) + " " * (widths[1] - len(seq) + table.COLUMN_GAP)
        yield lead + place + fill(detail, width, indent, indent)


def _checkpoints(report: Report) -> str:
    if not report.checkpoints:
        return "the log has none"
    return f"{report.checkpoints} of the log's own, the newest that counts at entry {report.held_against}"


def _kept(report: Report) -> str:
    if report.saved_checkpoints:
        extended = ": the log goes on from there" if report.is_intact else ""
        return f"{count_of(report.saved_checkpoints, 'checkpoint')} from before{extended}"
    return (
        "nothing from before: only a checkpoint kept elsewhere shows that the log was not cut or made anew "
        "(`envmgr alm audit --save-checkpoint FILE`, then `--verify --checkpoint FILE`)"
    )
