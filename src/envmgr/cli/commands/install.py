"""`envmgr install`: parse its arguments, run it, render its result."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli import recorded_results
from envmgr.cli.console import display_path, format_outcome, open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.cli.output.units import size
from envmgr.kit.errors import CatalogError, UsageError
from envmgr.kit.progress import CountedMessages
from envmgr.ops import install
from envmgr.resolve import canonical_names, install_plan, tool_specs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.install.outcome import Outcome
    from envmgr.ops.install import InstallResult
    from envmgr.resolve.context import Context


def run(options: Options, args: Sequence[str], install_options: install_plan.Options) -> int:
    """Install the named tools, or all tools of the project."""
    with progress.show_progress(options) as display:
        messages = CountedMessages(display)
        context = open_context(options, messages)
        result = _install(context, args, install_options)
    print_changes(options, context, result)
    output = format_outcome(
        options, "install", lambda: result_json(result), lambda style, _: result_lines(result, style)
    )
    sys.stdout.write(output)
    has_changed = result.installed or result.locks or result.has_stale_shims
    if not (args or install_options.force or has_changed or messages.count):
        recorded_results.record(options, context, output)
    return 0


def _install(context: Context, args: Sequence[str], install_options: install_plan.Options) -> InstallResult:
    if not args:
        return install.install_project(context, install_options)
    if _is_url_form(args):
        return install.install_url(context, parse_versioned_tool(args[:-1]), args[-1], install_options)
    return install.install_tools(context, parse_tools(context, args), install_options)


def _is_url_form(args: Sequence[str]) -> bool:
    return len(args) in {2, 3} and "://" in args[-1]  # TOOL@SPEC URL, TOOL SPEC URL


def parse_tools(context: Context, args: Sequence[str]) -> list[tool_specs.ToolSpec]:
    """Parse several tools, or one tool and its spec in two arguments."""
    return tool_specs.parse_many(args, lambda arg: _is_other_tool(context, arg, args[0]))


def _is_other_tool(context: Context, arg: str, first: str) -> bool:
    """Return whether an argument is a tool; another name of the first is a spec (`java temurin`)."""
    try:
        name = canonical_names.require_name(context, arg)
    except (CatalogError, UsageError):  # UsageError: it has the form of a spec, such as `path:DIR`
        return False
    return arg == first or name != canonical_names.canonical_name(context, first)


def dry_run(options: Options, args: Sequence[str], install_options: install_plan.Options) -> int:
    """Print what would be installed."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        planned = install.preview(context, _plan(context, args, install_options), install_options)
    return print_outcome(
        options,
        "install",
        lambda: {"dry_run": True, **result_json(planned)},
        lambda style, _: _preview_lines(planned, style),
    )


def _plan(
    context: Context, args: Sequence[str], install_options: install_plan.Options
) -> list[install_plan.Step]:
    if not args:
        return install_plan.plan_project(context, install_options)
    if _is_url_form(args):
        return [install_plan.plan_url(context, parse_versioned_tool(args[:-1]), args[-1])]
    return install_plan.plan_tools(context, parse_tools(context, args), install_options)


def _preview_lines(planned: InstallResult, style: Style) -> list[str]:
    if not planned.installed:
        return ["all tools already installed"]
    return [
        f"would install {style.paint('bold', outcome.tool)} {style.paint('green', outcome.version)}"
        f"{f' ({size(outcome.bytes)})' if outcome.bytes else ''} from {outcome.url}"
        for outcome in planned.installed
    ]


def parse_versioned_tool(args: Sequence[str]) -> tool_specs.ToolSpec:
    """Parse TOOL SPEC or TOOL@SPEC; raise UsageError if the version is missing."""
    if len(args) == 2:  # noqa: PLR2004 - TOOL SPEC
        return tool_specs.from_two_args(args[0], args[1])
    tool = tool_specs.parse(args[0])
    if tool.spec is None:
        raise UsageError(
            f"missing version for {tool.tool}", f"for example: {tool.tool} latest, or {tool.tool}@latest"
        )
    return tool


def result_json(result: InstallResult) -> dict[str, object]:
    """Return the JSON members that describe an installation."""
    return {
        "installed": [_outcome_json(outcome) for outcome in result.installed],
        "already_installed": [_outcome_json(outcome) for outcome in result.already_installed],
    }


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    return {
        "tool": outcome.tool,
        "version": outcome.version,
        "path": outcome.path,
        "url": outcome.url,
        "sha256": outcome.sha256,
        "bytes": outcome.bytes,
        "seconds": round(outcome.seconds, 3),
        "from_cache": outcome.from_cache,
    }


def result_lines(result: InstallResult, style: Style) -> list[str]:
    """Return the lines that describe an installation."""
    lines = [
        f"installed {style.paint('bold', outcome.tool)} {style.paint('green', outcome.version)} "
        f"in {outcome.seconds:.1f} s"
        for outcome in result.installed
    ]
    if not lines:
        lines = [
            f"{outcome.tool} {outcome.version} is already installed" for outcome in result.already_installed
        ]
    return lines or ["already up to date"]


def print_changes(options: Options, context: Context, result: InstallResult) -> None:
    """Print the locks that were written, and a note if the shell finds no programs of tools."""
    for path in result.locks:
        print_status(options, f"wrote {display_path(path, context.environment.cwd)}")
    if result.installed:
        _note_missing_path(options, context)


def _note_missing_path(options: Options, context: Context) -> None:
    from envmgr.ops import shell_setup  # only once something was installed

    if not shell_setup.can_find_programs(context):
        print_status(options, f"add {context.paths.shims} to the front of your PATH")
