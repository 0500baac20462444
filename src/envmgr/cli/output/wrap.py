"""Prose that fits the terminal, with what one may want to copy left in one piece."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.cli.output.table import display_width

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = re.compile(r"`[^`\n]*`\S*|\S+")


def fill(text: str, width: int, first: int = 0, rest: int = 0) -> str:
    """Break a text's lines between words, but not within backticks where there is room; a long word stays whole.

    `first` columns of the first line are taken already; lines that follow are indented by `rest`, and a line that
    was indented keeps that too.
    """
    lines = text.split("\n")
    filled = [_fill_line(lines[0], width, first, rest)]
    filled += [_fill_line(line, width, rest, rest, indent=rest) for line in lines[1:]]
    return "\n".join(filled)


def _pieces(line: str, room: int) -> Iterator[str]:
    """Yield what stays whole: words, and what is in backticks if a line has room for it."""
    for piece in _PIECE.findall(line):
        if display_width(piece) > room:
            yield from piece.split()
        else:
            yield piece


def _fill_line(line: str, width: int, taken: int, rest: int, indent: int = 0) -> str:
    own = len(line) - len(line.lstrip(" "))
    parts, used = [" " * (indent + own)], taken + own
    is_fresh = True
    for piece in _pieces(line, width - rest - own):
        length = display_width(piece)
        if not is_fresh and used + 1 + length > width:
            parts.append("\n" + " " * (rest + own))
            used, is_fresh = rest + own, True
        parts.append(piece if is_fresh else f" {piece}")
        used += length + (not is_fresh)
        is_fresh = False
    return "".join(parts)
