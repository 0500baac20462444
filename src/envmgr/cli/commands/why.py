"""`envmgr why`: how a version was decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.commands.current import source_entry
from envmgr.cli.console import display_path, open_context, print_result
from envmgr.cli.output import progress, table
from envmgr.cli.output.wrap import fill
from envmgr.ops.why import why

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.why import Why

SHOWN = 5
_LABEL = len("installed  ")


def run(options: Options, tool: str) -> int:
    """Explain the resolution of a tool."""
    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        watcher.step(tool, "listing releases")
        found = why(context, tool)
    cwd = context.environment.cwd
    return print_result(
        options, "why", lambda: _entry(found), lambda style, width: _lines(found, cwd, style, width)
    )


def _entry(found: Why) -> dict[str, object]:
    return {
        "tool": found.tool,
        "request": found.active.spec,
        "source": source_entry(found.active.request.origin),
        "considered": [
            {"place": one.place, "request": one.spec, "decided": one.decided} for one in found.considered
        ],
        "lock": found.lock,
        "locked": found.locked,
        "version": found.active.version,
        "installed": list(found.installed),
        "available": found.active.is_available,
        "newest": found.newest,
        "candidates": list(found.candidates),
        "rejected": [{"version": version, "reason": reason} for version, reason in found.rejected],
        "note": found.note,
    }


def _lines(found: Why, cwd: str, style: Style, width: int) -> Iterable[str]:
    yield f"{style.paint('bold', found.tool)} {_result(found, style)}"
    yield "  considered, the strongest first"
    rows = [_place(one.place, one.spec, one.decided, cwd) for one in found.considered]
    yield from (f"    {line}" for line in table.render(rows, width - 4, style, flexible=2))
    for label, text in (("lock", _lock(found, cwd)), ("installed", _installed(found)), *_remote_facts(found)):
        yield f"  {label:<{_LABEL}}{fill(text, width, 2 + _LABEL, 2 + _LABEL)}"


def _result(found: Why, style: Style) -> str:
    one = found.active
    spelled = style.paint("green" if one.is_available else "red", one.version or one.spec)
    if one.kind != "version":
        return spelled
    return spelled + ("" if one.is_available else " (not installed)") + (", as locked" if one.locked else "")


def _installed(found: Why) -> str:
    return ", ".join(found.installed) or "none"


def _place(place: str, spec: str | None, decided: bool, cwd: str) -> tuple[table.Cell, ...]:
    mark = ("green", "→") if decided else ("", " ")
    shown = place if place.startswith("$") else display_path(place, cwd)
    return (mark, ("", spec or "-"), ("cyan" if spec else "dim", shown))


def _lock(found: Why, cwd: str) -> str:
    if not found.lock:
        return "none"
    path = display_path(found.lock, cwd)
    return f"{path} says {found.locked}" if found.locked else f"{path} does not lock {found.active.spec}"


def _remote_facts(found: Why) -> Iterable[tuple[str, str]]:
    if found.note:
        yield "upstream", found.note
    if not found.candidates and not found.rejected:
        return
    yield "matching", _first_items(found.candidates) or "no release"
    by_reason: dict[str, list[str]] = {}
    for version, reason in found.rejected:
        by_reason.setdefault(reason, []).append(version)
    for reason, versions in by_reason.items():
        yield "rejected", f"{reason}: {_first_items(versions)}"


def _first_items(versions: Sequence[str]) -> str:
    more = len(versions) - SHOWN
    return ", ".join(versions[:SHOWN]) + (f" and {more} more" if more > 0 else "")
