"""`envmgr why`: how a version was decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli import table
from envmgr.cli.current import source_entry
from envmgr.cli.session import open_context, short_path, show
from envmgr.ops.why import why

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.cli.options import Options
    from envmgr.cli.style import Style
    from envmgr.ops.why import Why

SHOWN = 5


def run(options: Options, tool: str) -> int:
    """Explain the resolution of a tool."""
    context = open_context(options)
    found = why(context, tool)
    cwd = context.environment.cwd
    return show(options, "why", lambda: _entry(found), lambda style, width: _lines(found, cwd, style, width))


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
    yield f"{style.paint('bold', found.tool)} {style.paint('green', found.active.version or found.active.spec)}"
    yield "  asked for by"
    rows = [_place(one.place, one.spec, one.decided, cwd) for one in found.considered]
    yield from (f"    {line}" for line in table.render(rows, width - 4, style, flexible=1))
    yield f"  lock       {_lock(found, cwd)}"
    yield f"  installed  {', '.join(found.installed) or 'none'}"
    yield from _remote_lines(found)


def _place(place: str, spec: str | None, decided: bool, cwd: str) -> tuple[table.Cell, ...]:
    mark = ("green", "→") if decided else ("", " ")
    shown = place if place.startswith("$") else short_path(place, cwd)
    return (mark, ("cyan" if spec else "dim", shown), ("", spec or ""))


def _lock(found: Why, cwd: str) -> str:
    if not found.lock:
        return "none"
    path = short_path(found.lock, cwd)
    return f"{path} says {found.locked}" if found.locked else f"{path} does not lock {found.active.spec}"


def _remote_lines(found: Why) -> Iterable[str]:
    if found.note:
        yield f"  upstream   {found.note}"
        return
    if not found.candidates and not found.rejected:
        return
    more = len(found.candidates) - SHOWN
    listed = ", ".join(found.candidates[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    yield f"  matching   {listed or 'no release'}"
    by_reason: dict[str, list[str]] = {}
    for version, reason in found.rejected:
        by_reason.setdefault(reason, []).append(version)
    for reason, versions in by_reason.items():
        more = len(versions) - SHOWN
        listed = ", ".join(versions[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        yield f"  rejected   {reason}: {listed}"
