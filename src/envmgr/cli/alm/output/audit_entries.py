"""Rendering of audit entries: number, time, actor, event, subject."""

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
"""Consecutive equal events of these types are collapsed to one line."""

_MIN_WIDTH_FOR_YEAR = 100


class EntryTable:
    """Table of entries whose columns never get narrower as entries follow."""

    def __init__(self, style: Style, width: int) -> None:
        self._columns = RecordTable(style, width, (4, 2))
        self._arrow = symbols_for(style).arrow
        self._from = 0 if width >= _MIN_WIDTH_FOR_YEAR else len("2026-")

    def lines(self, entries: Sequence[Document]) -> list[str]:
        """Return entries as lines."""
        return self._columns.lines([self._collapsed_row(run) for run in _group_repeats(entries, self._arrow)])

    def _collapsed_row(self, run: Sequence[Document]) -> list[Cell]:
        """Return the row of the latest of repeated entries."""
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
    """Group consecutive repeated denials; any other entry is a group of its own."""
    runs: list[list[Document]] = []
    previous: tuple[str, ...] = ()
    for entry in entries:
        event = get_str(entry, "event_type")
        current = (event, get_str(entry, "actor"), _subject(entry, arrow))
        if event in _COLLAPSIBLE_EVENTS and current == previous:
            runs[-1].append(entry)
        else:
            runs.append([entry])
        previous = current
    return runs


def _subject(entry: Document, arrow: str) -> str:
    """Return the subject of an entry: names from its payload, else its resource."""
    texts = {
        name: escape_line(value)
        for name, value in get_object(entry, "payload").items()
        if isinstance(value, str) and value
    }
    if {"method", "path"} <= texts.keys():
        return f"{texts['method']} {texts['path']}" + (f": {texts['reason']}" if "reason" in texts else "")
    if {"app", "tag"} <= texts.keys():
        version = f"{texts['app']}@{texts['tag']}"
        if "environment" not in texts:
            return version
        status = f": {texts['status']}" if "status" in texts else ""
        return f"{version} {arrow} {texts['environment']}{status}"
    return (
        texts.get("name")
        or texts.get("username")
        or texts.get("detail")
        or escape_line(get_str(entry, "resource"))
    )
