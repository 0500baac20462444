"""`envmgr lock`: write or check the project's lock."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli import recorded_results
from envmgr.cli.console import display_path, format_outcome, open_context
from envmgr.cli.output import progress
from envmgr.cli.output.units import count_of
from envmgr.kit.progress import CountedMessages
from envmgr.ops import lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.lock import LockResult
    from envmgr.resolve.context import Context
    from envmgr.resolve.lock_update import Pin


def run(options: Options, tools: Sequence[str], platforms: Sequence[str]) -> int:
    """Write the lock."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        result = lock.lock(context, tools, platforms)
    sys.stdout.write(_format(options, context, result, "wrote" if result.changed else "unchanged:"))
    return 0


def run_check(options: Options) -> int:
    """Check that the lock is up to date."""
    with progress.show_progress(options) as display:
        messages = CountedMessages(display)
        context = open_context(options, messages)
        result = lock.check(context)
    output = _format(options, context, result, "up to date:")
    sys.stdout.write(output)
    if not messages.count:
        recorded_results.record(options, context, output)
    return 0


def _format(options: Options, context: Context, result: LockResult, state: str) -> str:
    path = display_path(result.path, context.environment.cwd)
    return format_outcome(
        options,
        "lock",
        lambda: {
            "path": result.path,
            "changed": result.changed,
            "tools": [_to_json(pin) for pin in result.pins],
        },
        lambda style, _: [f"{state} {path}", *(_line(pin, style) for pin in result.pins)],
    )


def _to_json(pin: Pin) -> dict[str, object]:
    return {
        "tool": pin.tool,
        "request": pin.spec,
        "version": pin.version,
        "platforms": sorted(pin.locked.artifacts),
    }


def _line(pin: Pin, style: Style) -> str:
    platforms = count_of(len(pin.locked.artifacts), "platform")
    version = style.paint("green", pin.version)
    return f"  {style.paint('bold', pin.tool)} {version} ({pin.spec}), {platforms}"
