"""Table layout for the terminal."""

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
    """Return rows as aligned lines; too wide ones truncate the flexible column with `cut`.

    All rows have the same number of cells. The last column is never padded. The default `cut` keeps the end.
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
        text_that_fits = cut(text, width)
        painted = style.paint(kind, text_that_fits) if kind else text_that_fits
        cells.append(painted + " " * (width - display_width(text_that_fits) + COLUMN_GAP))
    return "".join(cells).rstrip()


def truncate_start(text: str, width: int) -> str:
    """Truncate a text at its start: the end of a path distinguishes files."""
    if display_width(text) <= width:
        return text
    part = text
    while part and display_width(part) > width - 1:
        part = part[1:]
    return ELLIPSIS + part


def truncate_end(text: str, width: int) -> str:
    """Truncate a text at its end."""
    if display_width(text) <= width:
        return text
    part = text
    while part and display_width(part) > width - 1:
        part = part[:-1]
    return part.rstrip() + ELLIPSIS


def display_width(text: str) -> int:
    """Return the columns of a text: wide East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
