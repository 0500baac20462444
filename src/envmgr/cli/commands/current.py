"""`envmgr current`: active versions and their sources."""

from __future__ import annotations

from envmgr.cli.console import display_path, open_context, print_result
from envmgr.cli.output import table
from envmgr.kit.frozen import replace
from envmgr.ops.current import current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.project.request import Origin
    from envmgr.resolve.active import ActiveVersion


def run(options: Options, tool: str | None) -> int:
    """Print the active version of active tool or all, and its source."""
    context = open_context(options)
    tools = current(context, tool).tools
    cwd = context.environment.cwd
    return print_result(
        options,
        "current",
        lambda: {"tools": [_to_json(active) for active in tools]},
        lambda style, width: _lines(tools, cwd, style, width),
    )


def _to_json(active: ActiveVersion) -> dict[str, object]:
    return {
        "tool": active.tool,
        "request": active.spec,
        "version": active.version,
        "installed": active.is_available,
        "source": source_json(active.request.origin),
        "locked": active.locked,
    }


def source_json(origin: Origin) -> dict[str, object]:
    """Return the JSON object that describes the source of a request."""
    if origin.kind == "environment":
        return {"env": origin.name}
    if origin.kind == "global":
        return {"default": origin.name}
    return {"file": origin.name, "line": origin.line}


def _lines(tools: tuple[ActiveVersion, ...], cwd: str, style: Style, width: int) -> Iterable[str]:
    if not tools:
        return ["no tools configured; run `envmgr use TOOL VERSION`"]
    return table.render([_row(active, cwd) for active in tools], width, style, flexible=3)


def _row(active: ActiveVersion, cwd: str) -> tuple[table.Cell, ...]:
    version = active.version or {"system": "system", "path": active.directory}.get(active.kind, "-")
    state = ("", "") if active.is_available else ("red", "not installed")
    source = replace(active.request.origin, name=display_path(active.request.origin.name, cwd))
    return (
        ("bold", active.tool),
        ("green" if active.is_available else "red", version),
        ("dim", active.spec),
        ("cyan", str(source)),
        state,
    )
