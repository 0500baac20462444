"""Symbols for statuses: Unicode on a capable terminal, ASCII words elsewhere."""

from __future__ import annotations

import sys

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.cli.output.style import Style


@frozen
class Symbols:
    """Symbols by status, and those of tables."""

    states: Mapping[str, str]
    arrow: str
    differs: str
    nothing: str
    cut: str
    """The mark of a truncated text, one column wide."""

    def state(self, status: str) -> str:
        """Return the symbol of a status; an unknown status is returned unchanged."""
        return self.states.get(status, status)


UNICODE_SYMBOLS = Symbols(
    states={
        "successful": "✓",
        "failed": "✗",
        "in_progress": "◐",
        "pending": "○",
        "queued": "◌",
        "awaiting_approval": "◇",
        "blocked": "■",
        "cancelled": "⊘",
        "superseded": "»",
        "rolled_back": "↶",
    },
    arrow="→",
    differs="≠",
    nothing="·",
    cut="…",
)
ASCII_SYMBOLS = Symbols(states={"successful": "ok"}, arrow="->", differs="!=", nothing="-", cut="~")

_COLOURS = {
    "successful": "green",
    "failed": "red",
    "blocked": "red",
    "in_progress": "cyan",
    "pending": "cyan",
    "queued": "cyan",
    "awaiting_approval": "yellow",
    "rolled_back": "yellow",
}


def colour(status: str) -> str:
    """Return the colour of a status."""
    return _COLOURS.get(status, "dim")


def symbols_for(style: Style) -> Symbols:
    """Return the symbols for standard output: Unicode requires colours and UTF-8."""
    encoding = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "").replace("_", "")
    return UNICODE_SYMBOLS if style.colour and encoding == "utf8" else ASCII_SYMBOLS
