"""`envmgr current`: what is active here."""

from __future__ import annotations

from envmgr.cli.console import display_path, open_context, print_result
from envmgr.cli.output import table
from envmgr.kit.errors import NoVersionSet
from envmgr.kit.frozen import replace
from envmgr.ops.current import current
from envmgr.ops.list_tools import named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.project.request import Origin
    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


def run(options: Options, tool: str | None) -> int:
    """Show the active version of one tool or all, and what decided."""
    context = open_context(options)
    tools = _current(context, tool)
    cwd = context.environment.cwd
    return print_result(
        options,
        "current",
        lambda: {"tools": [_entry(one) for one in tools]},
        lambda style, width: _lines(tools, cwd, style, width),
    )


def _current(context: Context, tool: str | None) -> tuple[ActiveVersion, ...]:
    try:
        return current(context, tool).tools
    except NoVersionSet as error:
        name = tool if tool is None or _is_meant(error) else named(context, tool)
        if name == tool:
            raise
        return current(context, name).tools


def _is_meant(error: NoVersionSet) -> bool:
    """Tell whether the error says already what was perhaps meant."""
    return (error.hint or "").startswith("did you mean")


def _entry(one: ActiveVersion) -> dict[str, object]:
    return {
        "tool": one.tool,
        "request": one.spec,
        "version": one.version,
        "installed": one.is_available,
        "source": source_entry(one.request.origin),
        "locked": one.locked,
    }


def source_entry(origin: Origin) -> dict[str, object]:
    """Say as JSON what decided."""
    if origin.kind == "environment":
        return {"env": origin.name}
    if origin.kind == "global":
        return {"default": origin.name}
    return {"file": origin.name, "line": origin.line}


def _lines(tools: tuple[ActiveVersion, ...], cwd: str, style: Style, width: int) -> Iterable[str]:
    if not tools:
        return ["no tool is set here: `envmgr use TOOL VERSION` sets one"]
    return table.render([_row(one, cwd) for one in tools], width, style, flexible=3)


def _row(one: ActiveVersion, cwd: str) -> tuple[table.Cell, ...]:
    version = one.version or {"system": "system", "path": one.directory}.get(one.kind, "-")
    state = ("", "") if one.is_available else ("red", "not installed")
    place = replace(one.request.origin, name=display_path(one.request.origin.name, cwd))
    return (
        ("bold", one.tool),
        ("green" if one.is_available else "red", version),
        ("dim", one.spec),
        ("cyan", str(place)),
        state,
    )
