"""`envmgr use`: set a tool's version, install and lock it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.cli.commands.current import source_json
from envmgr.cli.commands.install import (
    parse_versioned_tool,
    print_changes,
    result_json,
    result_lines,
)
from envmgr.cli.console import display_path, open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import replace
from envmgr.ops import use
from envmgr.resolve.tool_specs import VERSION_OPERATORS, VERSION_START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.project.request import Request
    from envmgr.resolve import tool_specs
    from envmgr.resolve.context import Context


def run(options: Options, args: Sequence[str], *, everywhere: bool, pin: bool) -> int:
    """Set a tool's version for the project, or globally."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        tool = _parse_args(args)
        result = use.use(context, tool, everywhere=everywhere, pin=pin)
    print_status(
        options, f"wrote {result.tool}={result.spec} to {display_path(result.file, context.environment.cwd)}"
    )
    effective = context.project.request(result.tool)
    if effective and effective.origin.name != result.file:
        _warn_overridden(options, context, effective)
    print_changes(options, context, result.result)
    return print_outcome(
        options,
        "use",
        lambda: {
            "tool": result.tool,
            "request": result.spec,
            "file": result.file,
            "source": source_json(effective.origin) if effective else None,
            **result_json(result.result),
        },
        lambda style, _: result_lines(result.result, style),
    )


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


def _parse_args(args: Sequence[str]) -> tool_specs.ToolSpec:
    """Parse the one tool and one spec that `use` takes."""
    if len(args) > 2:  # noqa: PLR2004 - TOOL SPEC
        raise _too_many_error(args)
    tool = parse_versioned_tool(args)
    if len(versions.split_requests(tool.spec or "latest")) > 1:
        raise _several_versions_error(tool.tool, tool.spec or "latest")
    return tool


def _too_many_error(args: Sequence[str]) -> UsageError:
    tool, *specs = args
    if any(spec[:1] in VERSION_OPERATORS for spec in specs[1:]):
        return UsageError(f"quote the version of {tool}", f"run `envmgr use {tool} '{' '.join(specs)}'`")
    if all(spec[:1] in VERSION_START for spec in specs):
        return _several_versions_error(tool, ",".join(specs))
    return UsageError("use accepts one tool", "for example: envmgr use nodejs ^20")


def _several_versions_error(tool: str, spec: str) -> UsageError:
    return UsageError(
        f"use accepts one version of {tool}, got {spec}",
        f"for several, write {tool}={spec} to .envmgr and run `envmgr install`",
    )
