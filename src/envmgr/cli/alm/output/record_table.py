"""Tables of records: cut where the terminal ends, stacked where it is too narrow for that; in pipes, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.output.table import COLUMN_GAP, MIN_COLUMN_WIDTH, display_width, truncate_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell

    Row = Sequence[Cell]

_UNLIMITED_WIDTH = 1_000
"""Columns that no terminal has: what is written goes to a pipe or a file, and nothing is cut."""
_USUAL = 48
"""What a cell is padded to at most where nothing is cut; a longer one moves the rest of its own row only."""
_ANY = 1 << 30
_INDENT = 2


class RecordTable:
    """Lays rows out, as wide as any before; `gives` are the columns that are cut, in the order of who gives way."""

    def __init__(self, style: Style, width: int, shrinkable: Sequence[int]) -> None:
        self._style, self._width, self._shrinkable = style, width, shrinkable
        self._widest: list[int] = []

    def lines(self, rows: Sequence[Row], heading: Row = ()) -> list[str]:
        """Lay rows out, below a heading where that is given; a column that says nothing takes no room."""
        if not rows:
            return []
        shown = [heading, *rows] if heading else rows
        cuts = self._width < _UNLIMITED_WIDTH
        found = _widths(shown, _ANY if cuts else _USUAL)
        self._widest = [max(pair) for pair in zip(self._widest or found, found, strict=True)]
        widths = self._fitted([*self._widest]) if cuts else self._widest
        if cuts and _total(widths) > self._width:
            return [line for row in rows for line in self._stacked(row)]
        return [self._line(row, widths, cuts=cuts) for row in shown]

    def _fitted(self, widths: list[int]) -> list[int]:
        """Take from the columns that give what is too much, from each down to what still says something."""
        for least in (max(self._width // 2, MIN_COLUMN_WIDTH), MIN_COLUMN_WIDTH):
            for place in self._shrinkable:
                excess = max(_total(widths) - self._width, 0)
                widths[place] = max(widths[place] - excess, min(widths[place], least))
        return widths

    def _line(self, row: Row, widths: Sequence[int], *, cuts: bool) -> str:
        parts = []
        for cell, width in zip(row, widths, strict=True):
            if width:
                kind, text = _cut(cell, width) if cuts else cell
                parts.append(
                    self._painted((kind, text)) + " " * (max(width - display_width(text), 0) + COLUMN_GAP)
                )
        return "".join(parts).rstrip()

    def _stacked(self, row: Row) -> Iterator[str]:
        """Put as many cells on a line as fit whole; those that follow are indented."""
        line, used = "", 0
        for kind, text in row:
            cell = _cut((kind, text), self._width - _INDENT)
            length = display_width(cell[1])
            if line and used + COLUMN_GAP + length > self._width:
                yield line
                line, used = " " * _INDENT + self._painted(cell), _INDENT + length
            elif length:
                gap = " " * COLUMN_GAP if line else ""
                line, used = line + gap + self._painted(cell), used + len(gap) + length
        yield line

    def _painted(self, cell: Cell) -> str:
        kind, text = cell
        return self._style.paint(kind, text) if kind else text


def _widths(rows: Iterable[Row], most: int) -> list[int]:
    """Return how wide the cells of each column are, without those that are wider than the most."""
    return [
        _width_of([display_width(text) for _, text in column], most) for column in zip(*rows, strict=True)
    ]


def _width_of(lengths: Sequence[int], most: int) -> int:
    widest = max((length for length in lengths if length <= most), default=most)
    return widest or min(max(lengths), most)


def _total(widths: Sequence[int]) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + COLUMN_GAP * (len(shown) - 1)


def _cut(cell: Cell, width: int) -> Cell:
    return cell[0], truncate_end(cell[1], width)
