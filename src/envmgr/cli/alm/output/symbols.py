"""The signs that stand for states: shapes where the terminal shows them, words in plain ASCII everywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.cli.output.style import Style


@frozen
class Symbols:
    """Signs by state, and the few others that tables need."""

    states: Mapping[str, str]
    arrow: str
    differs: str
    nothing: str
    cut: str
    """What stands, one column wide, where a text was cut."""

    def state(self, status: str) -> str:
        """Return the sign of a state; one that is not known is spelled out."""
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
    """Return the kind that a state is painted as."""
    return _COLOURS.get(status, "dim")


def symbols_for(style: Style) -> Symbols:
    """Return what standard output can show: shapes need a terminal with colours, and an encoding that has them."""
    encoding = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "").replace("_", "")
    return UNICODE_SYMBOLS if style.colour and encoding == "utf8" else ASCII_SYMBOLS
