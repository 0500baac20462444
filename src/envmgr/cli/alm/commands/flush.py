"""`envmgr alm flush`: deliver queued pushes."""

from __future__ import annotations

import sys

from envmgr.cli.alm.connection import alm_context
from envmgr.cli.console import print_outcome, print_status
from envmgr.ops.alm.connection import connect
from envmgr.ops.alm.flush import flush_or_fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.flush import FlushResult, RejectedPush


def run(options: Options) -> int:
    """Deliver queued pushes, oldest first; return the exit code."""
    with alm_context(options) as context:
        api = connect(context, options.alm_url, options.alm_token, retries=context.settings.http_retries)
        result = flush_or_fail(context, api)
    _print_problems(options, result)
    print_outcome(
        options, "alm-flush", lambda: flush_result_json(result), lambda style, _: _lines(result, style)
    )
    return 1 if result.rejected else 0


def flush_result_json(result: FlushResult) -> dict[str, object]:
    """Return the outcome of queued pushes as a JSON object."""
    return {
        "delivered": [
            {"app": push.app, "tag": push.tag, "created": push.is_new} for push in result.delivered
        ],
        "rejected": [
            {"app": push.app, "tag": push.tag, "reason": push.reason, "path": push.path}
            for push in result.rejected
        ],
        "waiting": [{"path": push.path, "reason": push.reason} for push in result.pending],
    }


def print_flushed(options: Options, result: FlushResult) -> None:
    """Print the outcome of queued pushes to stderr."""
    for push in result.delivered:
        print_status(options, f"delivered queued push {push.app}@{push.tag}")
    _print_problems(options, result)


def _print_problems(options: Options, result: FlushResult) -> None:
    for push in result.rejected if not options.json else ():
        sys.stderr.write(
            f"error: {_name(push)} was rejected: {push.reason}\nhint: the push was moved to {push.path}\n"
        )
    for pending in result.pending:
        if not pending.is_for_other:
            print_status(options, f"warning: {pending.path} still queued: {pending.reason}")


def _name(push: RejectedPush) -> str:
    return f"{push.app}@{push.tag}" if push.app else "a queued push"


def _lines(result: FlushResult, style: Style) -> Iterator[str]:
    for push in result.delivered:
        name = style.paint("bold", f"{push.app}@{push.tag}")
        yield f"delivered {name}" if push.is_new else f"{name} already registered"
    for pending in (push for push in result.pending if push.is_for_other):
        yield f"{pending.path} still queued: {pending.reason}"
    if not (result.delivered or result.rejected or result.pending):
        yield "queue is empty"
