"""Entries of the audit log as lines: which, when, who, what, and to what it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int, get_object, get_str
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.symbols import symbols_for
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.alm.output.times import when_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.client.fields import Document
    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell

_ENDINGS = {
    "Denied": "red",
    "Failed": "red",
    "Reused": "red",
    "Deleted": "yellow",
    "Revoked": "yellow",
    "Created": "green",
}


_COLLAPSIBLE_EVENTS = frozenset({"AccessDenied", "LoginFailed"})
"""What comes again and again, and says no more then: any of it in a row is one line."""

_ROOMY = 100
"""Columns that a terminal must have for every line to tell the year."""


class EntryTable:
    """Lays entries out in columns, which stay as wide as they ever were when more entries follow."""

    def __init__(self, style: Style, width: int) -> None:
        self._columns = RecordTable(style, width, (4, 2))
        self._arrow = symbols_for(style).arrow
        self._from = 0 if width >= _ROOMY else len("2026-")

    def of(self, entries: Sequence[Document]) -> list[str]:
        """Lay some entries out."""
        return self._columns.lines([self._collapsed_row(run) for run in _group_repeats(entries, self._arrow)])

    def _collapsed_row(self, run: Sequence[Document]) -> list[Cell]:
        """Make a row of the newest of entries that say the same."""
        *row, (kind, about) = self._row(run[-1])
        return [*row, (kind, f"{about} ({len(run)} times)" if len(run) > 1 else about)]

    def _row(self, entry: Document) -> Iterator[Cell]:
        event = get_str(entry, "event_type")
        kind = next((kind for ending, kind in _ENDINGS.items() if event.endswith(ending)), "cyan")
        yield ("dim", str(get_int(entry, "seq")))
        yield ("dim", when_ms(get_int(entry, "timestamp"))[self._from :])
        yield ("", escape_line(get_str(entry, "actor")))
        yield (kind, escape_line(event))
        yield ("", _subject(entry, self._arrow))


def _group_repeats(entries: Sequence[Document], arrow: str) -> list[list[Document]]:
    """Put refusals together that follow one another and say the same; any other entry is alone."""
    runs: list[list[Document]] = []
    said: tuple[str, ...] = ()
    for entry in entries:
        event = get_str(entry, "event_type")
        says = (event, get_str(entry, "actor"), _subject(entry, arrow))
        if event in _COLLAPSIBLE_EVENTS and says == said:
            runs[-1].append(entry)
        else:
            runs.append([entry])
        said = says
    return runs


def _subject(entry: Document, arrow: str) -> str:
    """Say in names what an entry is about, where its payload has them; else which resource."""
    said = {
        name: escape_line(value)
        for name, value in get_object(entry, "payload").items()
        if isinstance(value, str) and value
    }
    if {"method", "path"} <= said.keys():
        return f"{said['method']} {said['path']}" + (f": {said['reason']}" if "reason" in said else "")
    if {"app", "tag"} <= said.keys():
        version = f"{said['app']}@{said['tag']}"
        if "environment" not in said:
            return version
        status = f": {said['status']}" if "status" in said else ""
        return f"{version} {arrow} {said['environment']}{status}"
    return (
        said.get("name")
        or said.get("username")
        or said.get("detail")
        or escape_line(get_str(entry, "resource"))
    )
