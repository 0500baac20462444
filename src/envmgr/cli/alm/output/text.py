"""What screens about the server share: facts with their labels, notes, and text that cannot harm a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli.output.style import STDERR, width_of
from envmgr.cli.output.table import COLUMN_GAP, display_width
from envmgr.cli.output.wrap import fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style

COMMIT = 10
"""How much of a commit tells it apart."""


def escape_line(text: str) -> str:
    """Spell on one line what somebody wrote: nothing in it moves the cursor or hides anything."""
    joined = " ".join(text.split())
    return joined if joined.isprintable() else "".join(c if c.isprintable() else "?" for c in joined)


def escape_text(text: str) -> str:
    """Spell what somebody wrote, line by line; nothing in it moves the cursor or hides anything."""
    return "\n".join(escape_line(line) for line in text.strip().splitlines())


def key_values(pairs: Iterable[tuple[str, str]], style: Style, width: int, indent: int = 2) -> Iterator[str]:
    """Lay out labels and what is behind them; those that say nothing are left out."""
    said = [(label, text) for label, text in pairs if text]
    room = indent + max((display_width(label) for label, _ in said), default=0) + COLUMN_GAP
    for label, text in said:
        pad = " " * (room - indent - display_width(label))
        yield f"{' ' * indent}{style.paint('dim', label)}{pad}{fill(text, width, room, room)}"


def section(title: str, lines: Iterable[str], style: Style) -> Iterator[str]:
    """Set lines below a title; without lines there is no title either."""
    found = [*lines]
    if found:
        yield ""
        yield style.paint("bold", title)
        yield from (f"  {line}" for line in found)


def note(options: Options, text: str) -> None:
    """Say on stderr, whatever stdout goes to, what a screen leaves out."""
    if not options.quiet and not options.json:
        sys.stderr.write(f"{fill(text, width_of(STDERR))}\n")


def print_truncation_note(options: Options, shown: str) -> None:
    """Say that a list goes on behind what is shown of it, and how to see that."""
    note(options, f"{shown}; `--limit N` shows more, `--limit 0` all")
