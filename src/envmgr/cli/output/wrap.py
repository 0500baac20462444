"""Text wrapping that keeps commands in backticks on one line."""

from __future__ import annotations

import re

from envmgr.cli.output.table import display_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = r"`[^`\n]*`\S*|\S+"


def fill(text: str, width: int, first: int = 0, continuation: int = 0) -> str:
    """Wrap a text between words, but not within backticks if they fit; a long word stays whole.

    `first` columns of the first line are in use; other lines are indented by `rest`, in addition to their own indent.
    """
    lines = text.split("\n")
    filled = [_fill_line(lines[0], width, first, continuation)]
    filled += [_fill_line(line, width, continuation, continuation, indent=continuation) for line in lines[1:]]
    return "\n".join(filled)


def _pieces(line: str, width: int) -> Iterator[str]:
    """Yield the unbreakable pieces of a line: words, and text in backticks if it fits a line."""
    for piece in re.findall(_PIECE, line):
        if display_width(piece) > width:
            yield from piece.split()
        else:
            yield piece


def _fill_line(line: str, width: int, first: int, continuation: int, indent: int = 0) -> str:
    own_indent = len(line) - len(line.lstrip(" "))
    parts, used = [" " * (indent + own_indent)], first + own_indent
    is_line_start = True
    for piece in _pieces(line, width - continuation - own_indent):
        length = display_width(piece)
        if not is_line_start and used + 1 + length > width:
            parts.append("\n" + " " * (continuation + own_indent))
            used, is_line_start = continuation + own_indent, True
        parts.append(piece if is_line_start else f" {piece}")
        used += length + (not is_line_start)
        is_line_start = False
    return "".join(parts)
