"""Tables that fit the terminal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envmgr.cli.output.style import Style

COLUMN_GAP = 2
MIN_COLUMN_WIDTH = 12
ELLIPSIS = "…"

Cell = tuple[str, str]  # a kind of style.paint (or "") and the text


def render(
    rows: Sequence[Sequence[Cell]],
    width: int,
    style: Style,
    *,
    flexible: int = -1,
    cut: Callable[[str, int], str] | None = None,
) -> list[str]:
    """Lay rows out in columns; where they are too wide, cut the flexible column: to its end, unless `cut` differs.

    A row is a cell a column. The last column is never padded.
    """
    if not rows:
        return []
    widths = [max(display_width(row[column][1]) for row in rows) for column in range(len(rows[0]))]
    flexible %= len(widths)
    excess = sum(widths) + COLUMN_GAP * (len(widths) - 1) - width
    if excess > 0:
        widths[flexible] = max(widths[flexible] - excess, MIN_COLUMN_WIDTH)
    return [_line(row, widths, style, cut or truncate_start) for row in rows]


def _line(row: Sequence[Cell], widths: Sequence[int], style: Style, cut: Callable[[str, int], str]) -> str:
    cells = []
    for (kind, text), width in zip(row, widths, strict=True):
        shown = cut(text, width)
        painted = style.paint(kind, shown) if kind else shown
        cells.append(painted + " " * (width - display_width(shown) + COLUMN_GAP))
    return "".join(cells).rstrip()


def truncate_start(text: str, width: int) -> str:
    """Cut a text to a width, keeping its end: of a path that is what tells files apart."""
    if display_width(text) <= width:
        return text
    kept = text
    while kept and display_width(kept) > width - 1:
        kept = kept[1:]
    return ELLIPSIS + kept


def truncate_end(text: str, width: int) -> str:
    """Cut a text to a width, keeping its beginning: of a sentence that is what can be read."""
    if display_width(text) <= width:
        return text
    kept = text
    while kept and display_width(kept) > width - 1:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def display_width(text: str) -> int:
    """Count the columns a text takes: wide East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
