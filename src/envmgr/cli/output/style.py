"""Terminal colours; honours NO_COLOR, CLICOLOR_FORCE and pipes."""

from __future__ import annotations

from envmgr.kit.environment import is_terminal, variable
from envmgr.kit.frozen import frozen

STDOUT, STDERR = 1, 2

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "error": "1;31",
    "hint": "36",
}


@frozen
class Style:
    """Adds colour to text, or returns it unchanged."""

    colour: bool

    def paint(self, kind: str, text: str) -> str:
        """Return a text in the colour of its kind; all are readable on light and dark backgrounds."""
        return f"\x1b[{_CODES[kind]}m{text}\x1b[0m" if self.colour and text else text


def style_of(stream: int) -> Style:
    """Return the style for stdout or stderr."""
    if variable("NO_COLOR"):
        return Style(colour=False)
    forced = variable("CLICOLOR_FORCE", "0") != "0" or variable("FORCE_COLOR", "0") != "0"
    return Style(forced or (is_terminal(stream) and variable("TERM") != "dumb"))


def width_of(stream: int) -> int:
    """Return the output width in columns: COLUMNS, the terminal's, or 10,000 without a terminal."""
    import os

    columns = variable("COLUMNS")
    if columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream).columns or 80
    except OSError:
        return 10_000
