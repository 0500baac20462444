"""The matrix on a terminal: a table where that fits, else each app with its environments below it.

A line of a cell says state, version and age; where something newer was tried, that stands below what is current.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.alm.output.symbols import colour
from envmgr.cli.alm.output.times import age, since
from envmgr.cli.output.table import ELLIPSIS, display_width, truncate_end
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envmgr.alm.matrix import Cell, DeploymentRef, Grid, Row
    from envmgr.cli.alm.output.symbols import Symbols
    from envmgr.cli.output.style import Style

_GAP = 3
_LEAST_GAP = 2
_INDENT = 2
_SHORTEST_TAG = _SHORTEST_NAME = 8


@frozen
class RenderOptions:
    """What the lines are made for: a terminal's style, signs and width, and the time it is."""

    style: Style
    symbols: Symbols
    width: int
    now: float


@frozen
class Entry:
    """One line of a cell, not yet laid out."""

    status: str
    mark: str
    tag: str
    age: str
    is_outdated: bool = False


@frozen
class ColumnWidths:
    """How wide the three parts of a cell's lines are."""

    mark: int
    tag: int
    age: int

    @property
    def whole(self) -> int:
        """Return the width of a line."""
        return self.mark + 1 + self.tag + (1 + self.age if self.age else 0)


@frozen
class RenderedMatrix:
    """The lines of the matrix, and how many tags, environments and apps had no room in them and were cut."""

    lines: tuple[str, ...]
    cut: int


def render_matrix(grid: Grid, look: RenderOptions) -> RenderedMatrix:
    """Lay the matrix out."""
    entries = [[_lines_of(row.cells.get(column.name), look) for column in grid.columns] for row in grid.rows]
    table = _Table(grid, entries, look)
    for gap in (_GAP, _LEAST_GAP):
        if table.width(gap) <= look.width:
            return RenderedMatrix(tuple(table.lines(gap)), 0)
    stack = _StackedLayout(grid, entries, look)
    return RenderedMatrix(tuple(stack.lines()), stack.cut())


def _lines_of(cell: Cell | None, look: RenderOptions) -> list[Entry]:
    if cell is None:
        return []
    found = []
    if cell.current is not None:
        shown = since(cell.current.since, look.now) if cell.age is None else age(cell.age)
        found.append(_entry(cell.current, shown, look, is_outdated=cell.is_outdated))
    if cell.latest_attempt is not None:
        found.append(_entry(cell.latest_attempt, since(cell.latest_attempt.since, look.now), look))
    return found


def _entry(attempt: DeploymentRef, shown: str, look: RenderOptions, *, is_outdated: bool = False) -> Entry:
    return Entry(attempt.status, look.symbols.state(attempt.status), attempt.tag, shown, is_outdated)


def _widths(entries: Iterable[Entry]) -> ColumnWidths:
    listed = [*entries]
    return ColumnWidths(
        mark=max((display_width(one.mark) for one in listed), default=1),
        tag=max((display_width(one.tag) for one in listed), default=1),
        age=max((display_width(one.age) for one in listed), default=0),
    )


def _painted(entry: Entry, widths: ColumnWidths, look: RenderOptions) -> str:
    """Spell a line of a cell, as wide as all of its column."""
    paint = look.style.paint
    tag = _short(entry.tag, widths.tag, look)
    kind = "yellow" if entry.is_outdated else "bold" if entry.status == "successful" else colour(entry.status)
    return (
        paint(colour(entry.status), entry.mark)
        + " " * (widths.mark - display_width(entry.mark) + 1)
        + paint(kind, tag)
        + " " * (widths.tag - display_width(tag))
        + (" " * (1 + widths.age - display_width(entry.age)) + paint("dim", entry.age) if widths.age else "")
    )


def _short(name: str, width: int, look: RenderOptions) -> str:
    return truncate_end(name, width).replace(ELLIPSIS, look.symbols.cut)


def _nothing(width: int, look: RenderOptions) -> str:
    return look.style.paint("dim", look.symbols.nothing) + " " * (width - display_width(look.symbols.nothing))


class _Table:
    """A row an app, a column an environment."""

    def __init__(self, grid: Grid, entries: Sequence[Sequence[Sequence[Entry]]], look: RenderOptions) -> None:
        self._grid, self._entries, self._options = grid, entries, look
        self._widths = [
            _widths(one for cells in entries for one in cells[place]) for place in range(len(grid.columns))
        ]
        self._columns = [
            max(widths.whole, display_width(column.name))
            for widths, column in zip(self._widths, grid.columns, strict=True)
        ]
        self._name = max((display_width(row.app) for row in grid.rows), default=0)
        self._mark = display_width(look.symbols.differs) if any(row.differs for row in grid.rows) else 0
        self._lead = self._name + (1 + self._mark if self._mark else 0)

    def width(self, gap: int) -> int:
        """Return how many columns of the terminal the table takes."""
        return self._lead + sum(width + gap for width in self._columns)

    def lines(self, gap: int) -> Iterator[str]:
        """Lay the table out."""
        heads = [
            self._options.style.paint("bold", column.name) + " " * (width - display_width(column.name))
            for column, width in zip(self._grid.columns, self._columns, strict=True)
        ]
        yield _joined(" " * self._lead, heads, gap)
        for row, cells in zip(self._grid.rows, self._entries, strict=True):
            for number in range(max(1, *(len(cell) for cell in cells))):
                lead = self._row_header(row) if number == 0 else " " * self._lead
                yield _joined(lead, [self._at(cells, place, number) for place in range(len(cells))], gap)

    def _row_header(self, row: Row) -> str:
        name = self._options.style.paint("bold", row.app) + " " * (self._name - display_width(row.app))
        if not self._mark:
            return name
        mark = self._options.symbols.differs if row.differs else ""
        return f"{name} {self._options.style.paint('yellow', mark)}{' ' * (self._mark - display_width(mark))}"

    def _at(self, cells: Sequence[Sequence[Entry]], place: int, number: int) -> str:
        cell, widths, width = cells[place], self._widths[place], self._columns[place]
        if number < len(cell):
            return _painted(cell[number], widths, self._options) + " " * (width - widths.whole)
        return " " * width if cell or number else _nothing(width, self._options)


class _StackedLayout:
    """Each app, and below it its environments, as many beside each other as there is room for."""

    def __init__(self, grid: Grid, entries: Sequence[Sequence[Sequence[Entry]]], look: RenderOptions) -> None:
        self._grid, self._entries, self._options = grid, entries, look
        natural = _widths(one for cells in entries for cell in cells for one in cell)
        room, others = look.width - _INDENT - 1, natural.whole - natural.tag
        name = max(display_width(column.name) for column in grid.columns)
        beside_tags = min(room // 2, room - others - min(natural.tag, _SHORTEST_TAG))
        self._name = min(name, max(room - natural.whole, beside_tags, _SHORTEST_NAME))
        tag = min(natural.tag, max(room - self._name - others, _SHORTEST_TAG))
        self.widths = ColumnWidths(natural.mark, tag, natural.age)
        self._slot = self._name + 1 + self.widths.whole
        self._beside = max(1, (look.width - _INDENT + _GAP) // (self._slot + _GAP))

    def cut(self) -> int:
        """Count what is not shown whole."""
        tags = (one.tag for cells in self._entries for cell in cells for one in cell)
        return (
            sum(display_width(tag) > self.widths.tag for tag in tags)
            + sum(display_width(column.name) > self._name for column in self._grid.columns)
            + sum(display_width(row.app) > self._head(row) for row in self._grid.rows)
        )

    def _head(self, row: Row) -> int:
        """Return the room for an app's name, beside the sign that its versions differ."""
        return self._options.width - (1 + display_width(self._options.symbols.differs) if row.differs else 0)

    def lines(self) -> Iterator[str]:
        """Lay the apps out."""
        for row, cells in zip(self._grid.rows, self._entries, strict=True):
            mark = (
                f" {self._options.style.paint('yellow', self._options.symbols.differs)}"
                if row.differs
                else ""
            )
            yield self._options.style.paint("bold", _short(row.app, self._head(row), self._options)) + mark
            there = [
                (column.name, cell) for column, cell in zip(self._grid.columns, cells, strict=True) if cell
            ]
            for start in range(0, len(there), self._beside):
                yield from self._lay_out_columns(there[start : start + self._beside])

    def _lay_out_columns(self, cells: Sequence[tuple[str, Sequence[Entry]]]) -> Iterator[str]:
        for number in range(max(len(cell) for _, cell in cells)):
            slots = [self._slot_of(name, cell, number) for name, cell in cells]
            yield (" " * _INDENT + (" " * _GAP).join(slots)).rstrip()

    def _slot_of(self, name: str, cell: Sequence[Entry], number: int) -> str:
        if number >= len(cell):
            return " " * self._slot
        label = _short(name, self._name, self._options) if number == 0 else ""
        return f"{label}{' ' * (self._name - display_width(label))} " + _painted(
            cell[number], self.widths, self._options
        )


def _joined(lead: str, cells: Sequence[str], gap: int) -> str:
    return "".join([lead, *(" " * gap + cell for cell in cells)]).rstrip()
