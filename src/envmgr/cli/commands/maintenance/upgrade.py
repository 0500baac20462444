"""`envmgr upgrade`: take newer versions of the project's tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.commands.current import source_json
from envmgr.cli.commands.install import print_changes, result_json, result_lines
from envmgr.cli.console import display_path, open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.ops.maintenance import upgrade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.maintenance.upgrade import Target, UpgradeResult
    from envmgr.resolve.context import Context


def run(options: Options, tools: Sequence[str], *, latest: bool, dry_run: bool = False) -> int:
    """Install and lock newer versions, or only print them with `dry_run`."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        targets = upgrade.plan(context, tools, latest=latest)
        result = (upgrade.preview if dry_run else upgrade.upgrade)(context, targets)
    if not dry_run:
        _print_written(options, context, result)
    return print_outcome(
        options,
        "upgrade",
        lambda: _to_json(result, dry_run=dry_run),
        lambda style, _: _lines(result, style, dry_run=dry_run),
    )


def _print_written(options: Options, context: Context, result: UpgradeResult) -> None:
    for target in result.targets:
        if target.has_new_request:
            path = display_path(target.status.request.origin.name, context.environment.cwd)
            print_status(options, f"wrote {target.status.tool}={target.spec} to {path}")
    print_changes(options, context, result.result)


def _lines(result: UpgradeResult, style: Style, *, dry_run: bool) -> list[str]:
    verb = "would upgrade" if dry_run else "upgraded"
    lines = [
        f"{verb} {style.paint('bold', target.pin.tool)} {target.status.version} -> "
        f"{style.paint('green', target.pin.version)}"
        f"{f' ({target.status.spec} -> {target.spec})' if target.has_new_request else ''}"
        for target in result.targets
        if target.has_new_version and target.status.version
    ]
    if lines:
        return lines
    if result.result.installed:
        return _installed_lines(result, style, dry_run=dry_run)
    return ["all tools are up to date"]


def _installed_lines(result: UpgradeResult, style: Style, *, dry_run: bool) -> list[str]:
    if not dry_run:
        return result_lines(result.result, style)
    return [f"would install {outcome.tool} {outcome.version}" for outcome in result.result.installed]


def _to_json(result: UpgradeResult, *, dry_run: bool) -> dict[str, object]:
    upgraded = [_target_json(target) for target in result.targets if target.has_new_version]
    return {"dry_run": dry_run, "upgraded": upgraded, **result_json(result.result)}


def _target_json(target: Target) -> dict[str, object]:
    return {
        "tool": target.pin.tool,
        "from": target.status.version,
        "to": target.pin.version,
        "request": target.spec,
        "previous_request": target.status.spec,
        "source": source_json(target.status.request.origin),
    }
