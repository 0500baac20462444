"""Rendering of the deployment matrix: a table if it fits, else each app above its environments.

A line of a cell has status, version and age; a later attempt is below the current deployment.
"""

from __future__ import annotations

from envmgr.cli.alm.output.symbols import colour
from envmgr.cli.alm.output.times import age, since
from envmgr.cli.output.table import ELLIPSIS, display_width, truncate_end
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envmgr.alm.matrix import Cell, DeploymentRef, Grid, Row
    from envmgr.cli.alm.output.symbols import Symbols
    from envmgr.cli.output.style import Style

_COLUMN_GAP = 3
_MIN_COLUMN_GAP = 2
_INDENT = 2
_MIN_TAG_WIDTH = _MIN_NAME_WIDTH = 8


@frozen
class RenderOptions:
    """Style, symbols and width of the terminal, and the current time."""

    style: Style
    symbols: Symbols
    width: int
    now: float


@frozen
class Entry:
    """One line of a cell."""

    status: str
    mark: str
    tag: str
    age: str
    is_outdated: bool = False


@frozen
class ColumnWidths:
    """The widths of the three parts of a cell's lines."""

    mark: int
    tag: int
    age: int

    @property
    def whole(self) -> int:
        """Return the width of a line."""
        return self.mark + 1 + self.tag + (1 + self.age if self.age else 0)


@frozen
class RenderedMatrix:
    """The lines of the matrix, and the number of truncated names."""

    lines: tuple[str, ...]
    cut: int


def render_matrix(grid: Grid, options: RenderOptions) -> RenderedMatrix:
    """Return the rendered matrix."""
    entries = [
        [_cell_entries(row.cells.get(column.name), options) for column in grid.columns] for row in grid.rows
    ]
    table = _Table(grid, entries, options)
    for gap in (_COLUMN_GAP, _MIN_COLUMN_GAP):
        if table.width(gap) <= options.width:
            return RenderedMatrix(tuple(table.lines(gap)), 0)
    stack = _StackedLayout(grid, entries, options)
    return RenderedMatrix(tuple(stack.lines()), stack.cut())


def _cell_entries(cell: Cell | None, options: RenderOptions) -> list[Entry]:
    if cell is None:
        return []
    entries = []
    if cell.current is not None:
        cell_age = since(cell.current.since, options.now) if cell.age is None else age(cell.age)
        entries.append(_entry(cell.current, cell_age, options, is_outdated=cell.is_outdated))
    if cell.latest_attempt is not None:
        entries.append(_entry(cell.latest_attempt, since(cell.latest_attempt.since, options.now), options))
    return entries


def _entry(
    attempt: DeploymentRef, cell_age: str, options: RenderOptions, *, is_outdated: bool = False
) -> Entry:
    return Entry(attempt.status, options.symbols.state(attempt.status), attempt.tag, cell_age, is_outdated)


def _widths(entries: Iterable[Entry]) -> ColumnWidths:
    all_entries = [*entries]
    return ColumnWidths(
        mark=max((display_width(entry.mark) for entry in all_entries), default=1),
        tag=max((display_width(entry.tag) for entry in all_entries), default=1),
        age=max((display_width(entry.age) for entry in all_entries), default=0),
    )


def _paint(entry: Entry, widths: ColumnWidths, options: RenderOptions) -> str:
    """Return a line of a cell, padded to its column."""
    paint = options.style.paint
    tag = _truncate(entry.tag, widths.tag, options)
    kind = "yellow" if entry.is_outdated else "bold" if entry.status == "successful" else colour(entry.status)
    return (
        paint(colour(entry.status), entry.mark)
        + " " * (widths.mark - display_width(entry.mark) + 1)
        + paint(kind, tag)
        + " " * (widths.tag - display_width(tag))
        + (" " * (1 + widths.age - display_width(entry.age)) + paint("dim", entry.age) if widths.age else "")
    )


def _truncate(name: str, width: int, options: RenderOptions) -> str:
    return truncate_end(name, width).replace(ELLIPSIS, options.symbols.cut)


def _nothing(width: int, options: RenderOptions) -> str:
    return options.style.paint("dim", options.symbols.nothing) + " " * (
        width - display_width(options.symbols.nothing)
    )


class _Table:
    """A row an app, a column an environment."""

    def __init__(
        self, grid: Grid, entries: Sequence[Sequence[Sequence[Entry]]], options: RenderOptions
    ) -> None:
        self._grid, self._entries, self._options = grid, entries, options
        self._widths = [
            _widths(entry for cells in entries for entry in cells[column])
            for column in range(len(grid.columns))
        ]
        self._columns = [
            max(widths.whole, display_width(column.name))
            for widths, column in zip(self._widths, grid.columns, strict=True)
        ]
        self._name = max((display_width(row.app) for row in grid.rows), default=0)
        self._mark = display_width(options.symbols.differs) if any(row.differs for row in grid.rows) else 0
        self._lead = self._name + (1 + self._mark if self._mark else 0)

    def width(self, gap: int) -> int:
        """Return the width of the table."""
        return self._lead + sum(width + gap for width in self._columns)

    def lines(self, gap: int) -> Iterator[str]:
        """Yield the lines of the table."""
        heads = [
            self._options.style.paint("bold", column.name) + " " * (width - display_width(column.name))
            for column, width in zip(self._grid.columns, self._columns, strict=True)
        ]
        yield _join(" " * self._lead, heads, gap)
        for row, cells in zip(self._grid.rows, self._entries, strict=True):
            for number in range(max(1, *(len(cell) for cell in cells))):
                lead = self._row_header(row) if number == 0 else " " * self._lead
                yield _join(lead, [self._at(cells, column, number) for column in range(len(cells))], gap)

    def _row_header(self, row: Row) -> str:
        name = self._options.style.paint("bold", row.app) + " " * (self._name - display_width(row.app))
        if not self._mark:
            return name
        mark = self._options.symbols.differs if row.differs else ""
        return f"{name} {self._options.style.paint('yellow', mark)}{' ' * (self._mark - display_width(mark))}"

    def _at(self, cells: Sequence[Sequence[Entry]], column: int, number: int) -> str:
        cell, widths, width = cells[column], self._widths[column], self._columns[column]
        if number < len(cell):
            return _paint(cell[number], widths, self._options) + " " * (width - widths.whole)
        return " " * width if cell or number else _nothing(width, self._options)


class _StackedLayout:
    """Each app, and below it its environments, as many side by side as fit."""

    def __init__(
        self, grid: Grid, entries: Sequence[Sequence[Sequence[Entry]]], options: RenderOptions
    ) -> None:
        self._grid, self._entries, self._options = grid, entries, options
        natural = _widths(entry for cells in entries for cell in cells for entry in cell)
        available, others = options.width - _INDENT - 1, natural.whole - natural.tag
        name = max(display_width(column.name) for column in grid.columns)
        beside_tags = min(available // 2, available - others - min(natural.tag, _MIN_TAG_WIDTH))
        self._name = min(name, max(available - natural.whole, beside_tags, _MIN_NAME_WIDTH))
        tag = min(natural.tag, max(available - self._name - others, _MIN_TAG_WIDTH))
        self.widths = ColumnWidths(natural.mark, tag, natural.age)
        self._slot = self._name + 1 + self.widths.whole
        self._beside = max(1, (options.width - _INDENT + _COLUMN_GAP) // (self._slot + _COLUMN_GAP))

    def cut(self) -> int:
        """Return the number of truncated names."""
        tags = (entry.tag for cells in self._entries for cell in cells for entry in cell)
        return (
            sum(display_width(tag) > self.widths.tag for tag in tags)
            + sum(display_width(column.name) > self._name for column in self._grid.columns)
            + sum(display_width(row.app) > self._head(row) for row in self._grid.rows)
        )

    def _head(self, row: Row) -> int:
        """Return the width for an app's name, without the symbol of differing versions."""
        return self._options.width - (1 + display_width(self._options.symbols.differs) if row.differs else 0)

    def lines(self) -> Iterator[str]:
        """Yield the lines of all apps."""
        for row, cells in zip(self._grid.rows, self._entries, strict=True):
            mark = (
                f" {self._options.style.paint('yellow', self._options.symbols.differs)}"
                if row.differs
                else ""
            )
            yield self._options.style.paint("bold", _truncate(row.app, self._head(row), self._options)) + mark
            deployed = [
                (column.name, cell) for column, cell in zip(self._grid.columns, cells, strict=True) if cell
            ]
            for start in range(0, len(deployed), self._beside):
                yield from self._lay_out_columns(deployed[start : start + self._beside])

    def _lay_out_columns(self, cells: Sequence[tuple[str, Sequence[Entry]]]) -> Iterator[str]:
        for number in range(max(len(cell) for _, cell in cells)):
            slots = [self._slot_of(name, cell, number) for name, cell in cells]
            yield (" " * _INDENT + (" " * _COLUMN_GAP).join(slots)).rstrip()

    def _slot_of(self, name: str, cell: Sequence[Entry], number: int) -> str:
        if number >= len(cell):
            return " " * self._slot
        label = _truncate(name, self._name, self._options) if number == 0 else ""
        return f"{label}{' ' * (self._name - display_width(label))} " + _paint(
            cell[number], self.widths, self._options
        )


def _join(lead: str, cells: Sequence[str], gap: int) -> str:
    return "".join([lead, *(" " * gap + cell for cell in cells)]).rstrip()
