"""Tables with a wrapped text column, beside the others or, on a narrow terminal, below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.output.table import COLUMN_GAP, display_width
from envmgr.cli.output.wrap import fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell

MIN_TEXT_WIDTH = 30
"""Narrower text is hard to read; it moves below its row."""
_MAX_CELL_PART = 3
"""A cell wider than this part of the terminal does not widen its column; the text moves below its row."""
_INDENT = 4


def render(rows: Sequence[Sequence[Cell]], width: int, style: Style) -> list[str]:
    """Return rows as lines, with nothing cut; all rows have the same number of cells."""
    if not rows:
        return []
    max_width = max(width // _MAX_CELL_PART, MIN_TEXT_WIDTH)
    columns = [[display_width(row[column][1]) for row in rows] for column in range(len(rows[0]))]
    widths = [max((size for size in sizes if size <= max_width), default=0) for sizes in columns[:-1]]
    start = sum(widths) + COLUMN_GAP * len(widths)
    has_room = start + min(max(columns[-1]), MIN_TEXT_WIDTH) <= width
    return [
        line
        for row in rows
        for line in (
            [_beside(row, widths, start, width, style)]
            if has_room and _has_room(row, widths)
            else _below(row, widths, width, style)
        )
    ]


def _has_room(row: Sequence[Cell], widths: Sequence[int]) -> bool:
    return all(display_width(text) <= size for (_, text), size in zip(row, widths, strict=False))


def _beside(row: Sequence[Cell], widths: Sequence[int], start: int, width: int, style: Style) -> str:
    cells = [_pad(cell, size, style) for cell, size in zip(row[:-1], widths, strict=False)]
    kind, text = row[-1]
    return "".join([*cells, _paint(kind, fill(text, width, start, start), style)]).rstrip()


def _below(row: Sequence[Cell], widths: Sequence[int], width: int, style: Style) -> Iterator[str]:
    """Yield lines with as many cells as fit, then the text; lines after the first are indented."""
    line, used = "", 0
    for cell, size in zip(row[:-1], widths, strict=True):
        length = max(display_width(cell[1]), size)
        if line and used + length > width:
            yield line.rstrip()
            line, used = " " * _INDENT, _INDENT
        line += _pad(cell, size, style)
        used += length + COLUMN_GAP
    yield line.rstrip()
    kind, text = row[-1]
    if text:
        yield " " * _INDENT + _paint(kind, fill(text, width, _INDENT, _INDENT), style)


def _pad(cell: Cell, width: int, style: Style) -> str:
    kind, text = cell
    return _paint(kind, text, style) + " " * (max(width - display_width(text), 0) + COLUMN_GAP)


def _paint(kind: str, text: str, style: Style) -> str:
    return style.paint(kind, text) if kind else text
