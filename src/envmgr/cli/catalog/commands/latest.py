"""`envmgr latest`: the newest version that a spec allows."""

from __future__ import annotations

import sys

from envmgr.cli.console import format_result, open_context, print_result
from envmgr.ops.catalog import latest
from envmgr.resolve.tool_specs import from_two_args, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.ops.catalog.latest import Latest
    from envmgr.resolve.tool_specs import ToolSpec


def run(options: Options, args: Sequence[str]) -> int:
    """Print the newest release for TOOL, TOOL@SPEC or TOOL SPEC."""
    from envmgr.cli import recorded_results
    from envmgr.cli.output import progress
    from envmgr.kit.progress import CountedMessages

    requested = _parse(args)
    with progress.show_progress(options) as display:
        messages = CountedMessages(display)
        context = open_context(options, messages)
        display.step(requested.tool, "listing releases")
        result = latest.latest_release(context, requested)
    output = format_result(
        options, "latest", lambda: _to_json(result), lambda _style, _width: [result.version]
    )
    sys.stdout.write(output)
    if not messages.count:
        recorded_results.record(options, context, output)
    return 0


def run_installed(options: Options, args: Sequence[str]) -> int:
    """Print the newest installed version for TOOL, TOOL@SPEC or TOOL SPEC."""
    result = latest.latest_installed(open_context(options), _parse(args))
    return print_result(options, "latest", lambda: _to_json(result), lambda _style, _width: [result.version])


def _parse(args: Sequence[str]) -> ToolSpec:
    return from_two_args(args[0], args[1]) if len(args) > 1 else parse(args[0])


def _to_json(result: Latest) -> dict[str, object]:
    release, installed = result.release, result.installed
    return {
        "tool": result.tool,
        "spec": result.spec,
        "version": result.version,
        "date": release.date if release else None,
        "lts": release.lts if release else None,
        "prerelease": release.prerelease if release else None,
        "installed": installed is not None,
        "path": installed.path if installed else None,
    }
