"""`envmgr lock`: the project's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import display_path, open_context, print_outcome
from envmgr.cli.output import progress
from envmgr.cli.output.units import count_of
from envmgr.ops import list_tools, lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.lock import LockResult
    from envmgr.resolve.context import Context
    from envmgr.resolve.lock_update import Pin


def run(options: Options, tools: Sequence[str], platforms: Sequence[str]) -> int:
    """Write the lock."""
    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        list_tools.check_known(context, lock.project_file(context).entries)
        result = lock.lock(context, tools, platforms)
    return _show(options, context, result, "wrote" if result.changed else "unchanged:")


def run_check(options: Options) -> int:
    """Check the lock."""
    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        list_tools.check_known(context, lock.project_file(context).entries)
        result = lock.check(context)
    return _show(options, context, result, "up to date:")


def _show(options: Options, context: Context, result: LockResult, state: str) -> int:
    path = display_path(result.path, context.environment.cwd)
    return print_outcome(
        options,
        "lock",
        lambda: {
            "path": result.path,
            "changed": result.changed,
            "tools": [_entry(one) for one in result.pins],
        },
        lambda style, _: [f"{state} {path}", *(_line(one, style) for one in result.pins)],
    )


def _entry(one: Pin) -> dict[str, object]:
    return {
        "tool": one.tool,
        "request": one.spec,
        "version": one.version,
        "platforms": sorted(one.locked.artifacts),
    }


def _line(one: Pin, style: Style) -> str:
    platforms = count_of(len(one.locked.artifacts), "platform")
    version = style.paint("green", one.version)
    return f"  {style.paint('bold', one.tool)} {version} ({one.spec}), {platforms}"
