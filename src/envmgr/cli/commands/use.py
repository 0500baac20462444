"""`envmgr use`: set versions of tools, install and lock them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.cli.commands.current import source_json
from envmgr.cli.commands.install import (
    parse_tools,
    print_changes,
    result_json,
    result_lines,
)
from envmgr.cli.console import display_path, open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import replace
from envmgr.ops.requests import use
from envmgr.resolve.tool_specs import VERSION_OPERATORS, VERSION_START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.ops.requests.use import UseResult
    from envmgr.project.request import Request
    from envmgr.resolve import tool_specs
    from envmgr.resolve.context import Context


def run(options: Options, args: Sequence[str], *, everywhere: bool, pin: bool) -> int:
    """Set versions of tools for the project, or globally."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        result = use.use(context, _parse_args(context, args), everywhere=everywhere, pin=pin)
    for tool, spec in result.requests:
        _print_written(options, context, f"{tool}={spec}", result.file, context.project.request(tool))
    print_changes(options, context, result.result)
    return print_outcome(
        options,
        "use",
        lambda: _to_json(context, result),
        lambda style, _: result_lines(result.result, style),
    )


def _print_written(
    options: Options, context: Context, line: str, file: str, effective: Request | None
) -> None:
    """Print the line that was written, and a warning if another source overrides it."""
    print_status(options, f"wrote {line} to {display_path(file, context.environment.cwd)}")
    if effective and effective.origin.name != file:
        _warn_overridden(options, context, effective)


def _to_json(context: Context, result: UseResult) -> dict[str, object]:
    """Return the JSON members; those of the only tool are repeated at the top."""
    requests = [_request_json(context, tool, spec) for tool, spec in result.requests]
    only = requests[0] if len(requests) == 1 else dict.fromkeys(requests[0])
    return {**only, "requests": requests, "file": result.file, **result_json(result.result)}


def _request_json(context: Context, tool: str, spec: str) -> dict[str, object]:
    effective = context.project.request(tool)
    return {"tool": tool, "request": spec, "source": source_json(effective.origin) if effective else None}


def _warn_overridden(options: Options, context: Context, effective: Request) -> None:
    """Print a warning if a source of higher precedence overrides the written request."""
    origin = effective.origin
    source = replace(origin, name=display_path(origin.name, context.environment.cwd))
    next_step = (
        "unset it" if origin.kind == "environment" else f"run `envmgr use {effective.tool} VERSION` there"
    )
    print_status(
        options,
        f"warning: {source} overrides this: {effective.tool} is {', '.join(effective.specs)}; "
        f"{next_step} to change that",
    )


def _parse_args(context: Context, args: Sequence[str]) -> list[tool_specs.ToolSpec]:
    """Parse TOOL (its newest version), TOOL SPEC, or several TOOL[@SPEC]."""
    _check_versions(args)
    tools = parse_tools(context, args)
    for tool in tools:
        if len(versions.split_requests(tool.spec or "latest")) > 1:
            raise _several_versions_error(tool.tool, tool.spec or "latest")
    return tools


def _check_versions(args: Sequence[str]) -> None:
    """Raise UsageError for a version of several words, or several versions of a tool."""
    tool, *specs = args
    if len(specs) < 2 or "@" in tool[1:]:  # noqa: PLR2004 - TOOL SPEC
        return
    if any(spec[:1] in VERSION_OPERATORS for spec in specs[1:]):
        raise UsageError(f"quote the version of {tool}", f"run `envmgr use {tool} '{' '.join(specs)}'`")
    if all(spec[:1] in VERSION_START for spec in specs):
        raise _several_versions_error(tool, ",".join(specs))


def _several_versions_error(tool: str, spec: str) -> UsageError:
    return UsageError(
        f"use accepts one version of {tool}, got {spec}",
        f"for several, write {tool}={spec} to .envmgr and run `envmgr install`",
    )
