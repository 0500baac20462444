"""Tables of records: truncated to the terminal, stacked on a narrow one, complete in pipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.output.table import COLUMN_GAP, MIN_COLUMN_WIDTH, display_width, truncate_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell

    Row = Sequence[Cell]

_UNLIMITED_WIDTH = 1_000
"""At least this width means a pipe or file: nothing is truncated."""
_MAX_PADDED_WIDTH = 48
"""Longer cells in a pipe or file are not padded, and shift only their own row."""
_ANY_WIDTH = 1 << 30
_INDENT = 2


class RecordTable:
    """Table whose columns never get narrower; `shrinkable` columns are truncated, in this order."""

    def __init__(self, style: Style, width: int, shrinkable: Sequence[int]) -> None:
        self._style, self._width, self._shrinkable = style, width, shrinkable
        self._widest: list[int] = []

    def lines(self, rows: Sequence[Row], heading: Row = ()) -> list[str]:
        """Return aligned lines, below a heading if given; empty columns are omitted."""
        if not rows:
            return []
        all_rows = [heading, *rows] if heading else rows
        truncates = self._width < _UNLIMITED_WIDTH
        current = _widths(all_rows, _ANY_WIDTH if truncates else _MAX_PADDED_WIDTH)
        self._widest = [max(pair) for pair in zip(self._widest or current, current, strict=True)]
        widths = self._fit([*self._widest]) if truncates else self._widest
        if truncates and _total(widths) > self._width:
            return [line for row in rows for line in self._stack_cells(row)]
        return [self._line(row, widths, truncates=truncates) for row in all_rows]

    def _fit(self, widths: list[int]) -> list[int]:
        """Narrow the shrinkable columns until the row fits, each to a minimum width."""
        for min_width in (max(self._width // 2, MIN_COLUMN_WIDTH), MIN_COLUMN_WIDTH):
            for column in self._shrinkable:
                excess = max(_total(widths) - self._width, 0)
                widths[column] = max(widths[column] - excess, min(widths[column], min_width))
        return widths

    def _line(self, row: Row, widths: Sequence[int], *, truncates: bool) -> str:
        parts = []
        for cell, width in zip(row, widths, strict=True):
            if width:
                kind, text = _truncate(cell, width) if truncates else cell
                parts.append(
                    self._paint((kind, text)) + " " * (max(width - display_width(text), 0) + COLUMN_GAP)
                )
        return "".join(parts).rstrip()

    def _stack_cells(self, row: Row) -> Iterator[str]:
        """Yield lines with as many complete cells as fit; further lines are indented."""
        line, used = "", 0
        for kind, text in row:
            cell = _truncate((kind, text), self._width - _INDENT)
            length = display_width(cell[1])
            if line and used + COLUMN_GAP + length > self._width:
                yield line
                line, used = " " * _INDENT + self._paint(cell), _INDENT + length
            elif length:
                gap = " " * COLUMN_GAP if line else ""
                line, used = line + gap + self._paint(cell), used + len(gap) + length
        yield line

    def _paint(self, cell: Cell) -> str:
        kind, text = cell
        return self._style.paint(kind, text) if kind else text


def _widths(rows: Iterable[Row], max_width: int) -> list[int]:
    """Return the width of each column, ignoring cells wider than the limit."""
    return [
        _width_of([display_width(text) for _, text in column], max_width)
        for column in zip(*rows, strict=True)
    ]


def _width_of(lengths: Sequence[int], max_width: int) -> int:
    widest = max((length for length in lengths if length <= max_width), default=max_width)
    return widest or min(max(lengths), max_width)


def _total(widths: Sequence[int]) -> int:
    visible = [width for width in widths if width]
    return sum(visible) + COLUMN_GAP * (len(visible) - 1)


def _truncate(cell: Cell, width: int) -> Cell:
    return cell[0], truncate_end(cell[1], width)
