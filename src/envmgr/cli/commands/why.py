"""`envmgr why`: how a version was resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.commands.current import source_json
from envmgr.cli.console import display_path, open_context, print_result
from envmgr.cli.output import progress, table
from envmgr.cli.output.wrap import fill
from envmgr.ops.why import why

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.why import Why

MAX_VERSIONS_LISTED = 5
_LABEL_WIDTH = len("installed  ")


def run(options: Options, tool: str) -> int:
    """Explain the resolution of a tool."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        display.step(tool, "listing releases")
        result = why(context, tool)
    cwd = context.environment.cwd
    return print_result(
        options, "why", lambda: _to_json(result), lambda style, width: _lines(result, cwd, style, width)
    )


def _to_json(result: Why) -> dict[str, object]:
    return {
        "tool": result.tool,
        "request": result.active.spec,
        "source": source_json(result.active.request.origin),
        "considered": [
            {"place": source.location, "request": source.spec, "decided": source.decided}
            for source in result.considered
        ],
        "lock": result.lock,
        "locked": result.locked,
        "version": result.active.version,
        "installed": list(result.installed),
        "available": result.active.is_available,
        "newest": result.newest,
        "candidates": list(result.candidates),
        "rejected": [{"version": version, "reason": reason} for version, reason in result.rejected],
        "note": result.note,
    }


def _lines(result: Why, cwd: str, style: Style, width: int) -> Iterable[str]:
    yield f"{style.paint('bold', result.tool)} {_resolution_text(result, style)}"
    yield "  sources (highest precedence first)"
    rows = [_source_row(source.location, source.spec, source.decided, cwd) for source in result.considered]
    yield from (f"    {line}" for line in table.render(rows, width - 4, style, flexible=2))
    for label, text in (
        ("lock", _lock(result, cwd)),
        ("installed", _installed_line(result)),
        *_remote_facts(result),
    ):
        yield f"  {label:<{_LABEL_WIDTH}}{fill(text, width, 2 + _LABEL_WIDTH, 2 + _LABEL_WIDTH)}"


def _resolution_text(result: Why, style: Style) -> str:
    active = result.active
    version = style.paint("green" if active.is_available else "red", active.version or active.spec)
    if active.kind != "version":
        return version
    return (
        version + ("" if active.is_available else " (not installed)") + (" (locked)" if active.locked else "")
    )


def _installed_line(result: Why) -> str:
    return ", ".join(result.installed) or "none"


def _source_row(path: str, spec: str | None, decided: bool, cwd: str) -> tuple[table.Cell, ...]:
    mark = ("green", "→") if decided else ("", " ")
    text = path if path.startswith("$") else display_path(path, cwd)
    return (mark, ("", spec or "-"), ("cyan" if spec else "dim", text))


def _lock(result: Why, cwd: str) -> str:
    if not result.lock:
        return "none"
    path = display_path(result.lock, cwd)
    return (
        f"locked to {result.locked} in {path}" if result.locked else f"{result.active.spec} is not in {path}"
    )


def _remote_facts(result: Why) -> Iterable[tuple[str, str]]:
    if result.note:
        yield "upstream", result.note
    if not result.candidates and not result.rejected:
        return
    yield "matching", _first_items(result.candidates) or "none"
    by_reason: dict[str, list[str]] = {}
    for version, reason in result.rejected:
        by_reason.setdefault(reason, []).append(version)
    for reason, versions in by_reason.items():
        yield "rejected", f"{reason}: {_first_items(versions)}"


def _first_items(versions: Sequence[str]) -> str:
    more = len(versions) - MAX_VERSIONS_LISTED
    return ", ".join(versions[:MAX_VERSIONS_LISTED]) + (f" and {more} more" if more > 0 else "")
