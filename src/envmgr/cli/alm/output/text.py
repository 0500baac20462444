"""Text output: labelled values, sections, notes, escaping of control characters."""

from __future__ import annotations

import sys

from envmgr.cli.output.style import STDERR, width_of
from envmgr.cli.output.table import COLUMN_GAP, display_width
from envmgr.cli.output.wrap import fill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style

DISPLAYED_COMMIT_LENGTH = 10


def escape_line(text: str) -> str:
    """Return user text on one line, without control characters."""
    joined = " ".join(text.split())
    return joined if joined.isprintable() else "".join(c if c.isprintable() else "?" for c in joined)


def escape_text(text: str) -> str:
    """Return user text without control characters, preserving its lines."""
    return "\n".join(escape_line(line) for line in text.strip().splitlines())


def key_values(pairs: Iterable[tuple[str, str]], style: Style, width: int, indent: int = 2) -> Iterator[str]:
    """Yield aligned lines of labels and values; empty values are omitted."""
    present = [(label, text) for label, text in pairs if text]
    text_column = indent + max((display_width(label) for label, _ in present), default=0) + COLUMN_GAP
    for label, text in present:
        pad = " " * (text_column - indent - display_width(label))
        yield f"{' ' * indent}{style.paint('dim', label)}{pad}{fill(text, width, text_column, text_column)}"


def section(title: str, lines: Iterable[str], style: Style) -> Iterator[str]:
    """Yield lines below a title; without lines yield nothing."""
    content = [*lines]
    if content:
        yield ""
        yield style.paint("bold", title)
        yield from (f"  {line}" for line in content)


def note(options: Options, text: str) -> None:
    """Print a note to stderr, unless `--quiet` or `--json` is set."""
    if not options.quiet and not options.json:
        sys.stderr.write(f"{fill(text, width_of(STDERR))}\n")


def print_truncation_note(options: Options, label: str) -> None:
    """Print that a list is truncated, and how to show more."""
    note(options, f"{label}; use `--limit N` for more, `--limit 0` for all")
